{% import 'macros/otlp.sql' as otlp %}

CREATE MATERIALIZED VIEW IF NOT EXISTS sightline_spans_raw_mv {{ on_cluster }} TO sightline_spans_raw AS
SELECT
    span, resource_map, resource_types, resource_dropped, resource_schema_url,
    scope_name, scope_version, scope_map, scope_types, scope_dropped, scope_schema_url,
    tenant, origin, seq, topic, partition, offset, received_at, accept_from, accept_until, records, bytes
FROM (
    SELECT
        resource_map, resource_types, resource_dropped, resource_schema_url,
        scope_name, scope_version, scope_dropped, scope_schema_url, spans,
        {{ otlp.attributes_map('scope_attributes', 0) }} AS scope_map,
        {{ otlp.attribute_types('scope_attributes') }} AS scope_types,
        tenant, origin, seq, topic, partition, offset, received_at, accept_from, accept_until, records, bytes
    FROM (
        SELECT
            {{ otlp.attributes_map('resource_attributes', 1) }} AS resource_map,
            {{ otlp.attribute_types('resource_attributes') }} AS resource_types,
            resource_dropped, resource_schema_url,
            scope_names, scope_versions, scopes_attributes, scopes_dropped, scope_schema_urls, scopes_spans,
            tenant, origin, seq, topic, partition, offset, received_at, accept_from, accept_until, records, bytes
        FROM sightline_landing_traces
        ARRAY JOIN
            resource_spans.resource.attributes AS resource_attributes,
            resource_spans.resource.dropped_attributes_count AS resource_dropped,
            resource_spans.schema_url AS resource_schema_url,
            resource_spans.scope_spans.scope.name AS scope_names,
            resource_spans.scope_spans.scope.version AS scope_versions,
            resource_spans.scope_spans.scope.attributes AS scopes_attributes,
            resource_spans.scope_spans.scope.dropped_attributes_count AS scopes_dropped,
            resource_spans.scope_spans.schema_url AS scope_schema_urls,
            resource_spans.scope_spans.spans AS scopes_spans
    )
    ARRAY JOIN
        scope_names AS scope_name, scope_versions AS scope_version, scopes_attributes AS scope_attributes,
        scopes_dropped AS scope_dropped, scope_schema_urls AS scope_schema_url, scopes_spans AS spans
)
ARRAY JOIN spans AS span;

CREATE MATERIALIZED VIEW IF NOT EXISTS sightline_spans_mv {{ on_cluster }} TO sightline_spans AS
WITH
    multiIf(
        length(span.trace_id) != 16, 'trace_id_invalid',
        span.trace_id = repeat(char(0), 16), 'trace_id_zero',
        length(span.span_id) != 8, 'span_id_invalid',
        span.span_id = repeat(char(0), 8), 'span_id_zero',
        span.start_time_unix_nano = 0, 'timestamp_missing',
        span.start_time_unix_nano < accept_from, 'timestamp_too_old',
        span.start_time_unix_nano > accept_until, 'timestamp_in_future',
        '') AS reason,
    if(position(span.trace_state, 'th:') > 0, extract(span.trace_state, 'ot=(?:[^,]*;)?th:([0-9a-f]{1,14})'), '') AS threshold
SELECT
    {{ otlp.timestamp("if(reason = '', span.start_time_unix_nano, received_at)") }} AS Timestamp,
    lower(hex(span.trace_id)) AS TraceId,
    lower(hex(span.span_id)) AS SpanId,
    {{ otlp.hex_id('span.parent_span_id', 8) }} AS ParentSpanId,
    span.trace_state AS TraceState,
    span.name AS SpanName,
    transform(span.kind, [1, 2, 3, 4, 5], ['Internal', 'Server', 'Client', 'Producer', 'Consumer'], 'Unspecified') AS SpanKind,
    resource_map['service.name'] AS ServiceName,
    resource_map AS ResourceAttributes,
    scope_name AS ScopeName,
    scope_version AS ScopeVersion,
    {{ otlp.attributes_map('span.attributes', 1) }} AS SpanAttributes,
    if(span.end_time_unix_nano > span.start_time_unix_nano, span.end_time_unix_nano - span.start_time_unix_nano, 0) AS Duration,
    transform(span.status.code, [1, 2], ['Ok', 'Error'], 'Unset') AS StatusCode,
    span.status.message AS StatusMessage,
    arrayMap(t -> {{ otlp.timestamp('t') }}, span.events.time_unix_nano) AS `Events.Timestamp`,
    span.events.name AS `Events.Name`,
    arrayMap(a -> {{ otlp.attributes_map('a', 1) }}, span.events.attributes) AS `Events.Attributes`,
    arrayMap(i -> lower(hex(i)), span.links.trace_id) AS `Links.TraceId`,
    arrayMap(i -> lower(hex(i)), span.links.span_id) AS `Links.SpanId`,
    span.links.trace_state AS `Links.TraceState`,
    arrayMap(a -> {{ otlp.attributes_map('a', 0) }}, span.links.attributes) AS `Links.Attributes`,
    span.flags AS TraceFlags,
    if(threshold = '', 1., 72057594037927936. / toFloat64(72057594037927936 - reinterpretAsUInt64(reverse(unhex(rightPad(threshold, 14, '0')))))) AS AdjustedCount,
    {{ otlp.attribute_types('span.attributes') }} AS SpanAttributeTypes,
    resource_types AS ResourceAttributeTypes,
    arrayMap(a -> {{ otlp.inner_attribute_types('a') }}, span.events.attributes) AS `Events.AttributeTypes`,
    span.events.dropped_attributes_count AS `Events.DroppedAttributesCount`,
    arrayMap(a -> {{ otlp.inner_attribute_types('a') }}, span.links.attributes) AS `Links.AttributeTypes`,
    span.links.dropped_attributes_count AS `Links.DroppedAttributesCount`,
    span.links.flags AS `Links.TraceFlags`,
    scope_map AS ScopeAttributes,
    scope_types AS ScopeAttributeTypes,
    scope_dropped AS ScopeDroppedAttributesCount,
    scope_schema_url AS ScopeSchemaUrl,
    resource_dropped AS ResourceDroppedAttributesCount,
    resource_schema_url AS ResourceSchemaUrl,
    span.dropped_attributes_count AS DroppedAttributesCount,
    span.dropped_events_count AS DroppedEventsCount,
    span.dropped_links_count AS DroppedLinksCount,
    arrayFilter(w -> w != '', [
        if(span.end_time_unix_nano < span.start_time_unix_nano, 'end_before_start', ''),
        if(notEmpty(span.parent_span_id) AND ParentSpanId = '' AND span.parent_span_id != repeat(char(0), 8), 'parent_span_id_invalid', ''),
        if(empty(span.name), 'name_missing', ''),
        if(empty(ServiceName), 'service_name_missing', '')]) AS Warnings,
    tenant AS Tenant,
    reason AS Reason,
    if(reason = '', CAST(map(), 'Map(String, String)'), map(
        'parent_span_id', lower(hex(span.parent_span_id)), 'trace_state', span.trace_state, 'flags', toString(span.flags),
        'start_time_unix_nano', toString(span.start_time_unix_nano), 'end_time_unix_nano', toString(span.end_time_unix_nano),
        'status_message', span.status.message, 'event_times', toString(span.events.time_unix_nano))) AS Record,
    {{ otlp.timestamp('received_at') }} AS ReceivedAt,
    origin AS Origin, seq AS Seq, topic AS Topic, partition AS Partition, offset AS Offset, records AS Records, bytes AS Bytes
FROM sightline_spans_raw;

CREATE MATERIALIZED VIEW IF NOT EXISTS otel_traces_mv {{ on_cluster }} TO otel_traces AS
SELECT * EXCEPT (Reason, Record, ReceivedAt, Origin, Seq, Topic, Partition, Offset, Records, Bytes)
FROM sightline_spans WHERE Reason = '';

CREATE MATERIALIZED VIEW IF NOT EXISTS otel_traces_trace_id_ts_mv {{ on_cluster }} TO otel_traces_trace_id_ts AS
SELECT
    TraceId,
    min(toDateTime(Timestamp)) AS Start,
    max(toDateTime(Timestamp)) AS End,
    count() AS Spans,
    countIf(StatusCode = 'Error') AS Errors
FROM sightline_spans WHERE Reason = '' GROUP BY TraceId;

CREATE MATERIALIZED VIEW IF NOT EXISTS sightline_correlations_spans_mv {{ on_cluster }} TO sightline_correlations AS
SELECT CorrelationId AS Id, TraceId, min(Timestamp) AS Start, max(Timestamp) AS End, count() AS Spans, toUInt64(0) AS Logs
FROM sightline_spans WHERE Reason = '' AND CorrelationId != '' GROUP BY Id, TraceId;

CREATE MATERIALIZED VIEW IF NOT EXISTS sightline_quarantine_spans_mv {{ on_cluster }} TO sightline_quarantine AS
SELECT
    ReceivedAt, 'traces' AS Signal, Reason, Tenant, ServiceName, SpanName AS Name, Topic, Partition, Offset,
    toJSONString(mapConcat(Record, map(
        'trace_id', TraceId, 'span_id', SpanId, 'name', SpanName, 'kind', SpanKind, 'status', StatusCode,
        'attributes', toJSONString(SpanAttributes), 'attribute_types', SpanAttributeTypes,
        'dropped_attributes_count', toString(DroppedAttributesCount), 'dropped_events_count', toString(DroppedEventsCount),
        'dropped_links_count', toString(DroppedLinksCount),
        'resource', toJSONString(ResourceAttributes), 'resource_types', ResourceAttributeTypes,
        'resource_dropped_attributes_count', toString(ResourceDroppedAttributesCount), 'resource_schema_url', ResourceSchemaUrl,
        'scope_name', ScopeName, 'scope_version', ScopeVersion,
        'scope_attributes', toJSONString(ScopeAttributes), 'scope_types', ScopeAttributeTypes,
        'scope_dropped_attributes_count', toString(ScopeDroppedAttributesCount), 'scope_schema_url', ScopeSchemaUrl,
        'event_names', toJSONString(`Events.Name`), 'event_attributes', toJSONString(`Events.Attributes`),
        'event_types', toJSONString(`Events.AttributeTypes`), 'event_dropped_attributes_counts', toJSONString(`Events.DroppedAttributesCount`),
        'links', toJSONString(arrayZip(`Links.TraceId`, `Links.SpanId`, `Links.TraceState`, `Links.TraceFlags`,
                                       `Links.Attributes`, `Links.AttributeTypes`, `Links.DroppedAttributesCount`))))) AS Record
FROM sightline_spans WHERE Reason != '';

CREATE MATERIALIZED VIEW IF NOT EXISTS sightline_ledger_spans_mv {{ on_cluster }} TO sightline_ledger AS
SELECT
    ReceivedAt, 'traces' AS Signal, Tenant, ServiceName, Origin, Seq, Topic, Partition, Offset, Records, Bytes,
    countIf(Reason = '') AS Stored, countIf(Reason != '') AS Quarantined
FROM sightline_spans
GROUP BY ReceivedAt, Tenant, ServiceName, Origin, Seq, Topic, Partition, Offset, Records, Bytes;

CREATE MATERIALIZED VIEW IF NOT EXISTS sightline_attribute_keys_spans_mv {{ on_cluster }} TO sightline_attribute_keys AS
SELECT Day, 'traces' AS Signal, found.1 AS Scope, ServiceName, found.2 AS Key, groupUniqArrayArray([found.3]) AS Types, toUInt64(count()) AS Count
FROM (
    SELECT toDate(Timestamp) AS Day, ServiceName, SpanAttributeTypes, ResourceAttributeTypes, mapKeys(SpanAttributes) AS record_keys,
           any(mapKeys(ResourceAttributes)) AS resource_keys
    FROM sightline_spans WHERE Reason = ''
    GROUP BY Day, ServiceName, SpanAttributeTypes, ResourceAttributeTypes, record_keys
)
ARRAY JOIN arrayConcat(
    arrayMap((k, i) -> ('record', k, substring(SpanAttributeTypes, i, 1)), record_keys, arrayEnumerate(record_keys)),
    arrayMap((k, i) -> ('resource', k, substring(ResourceAttributeTypes, i, 1)), resource_keys, arrayEnumerate(resource_keys))) AS found
GROUP BY Day, Scope, ServiceName, Key;
