{% import 'macros/otlp.sql' as otlp %}

CREATE MATERIALIZED VIEW IF NOT EXISTS sightline_logs_raw_mv {{ on_cluster }} TO sightline_logs_raw AS
SELECT
    log, resource_map, resource_types, resource_dropped, resource_schema_url,
    scope_name, scope_version, scope_map, scope_types, scope_dropped, scope_schema_url,
    tenant, origin, seq, topic, partition, offset, received_at, accept_from, accept_until, records, bytes
FROM (
    SELECT
        resource_map, resource_types, resource_dropped, resource_schema_url,
        scope_name, scope_version, scope_dropped, scope_schema_url, logs,
        {{ otlp.attributes_map('scope_attributes', 0) }} AS scope_map,
        {{ otlp.attribute_types('scope_attributes') }} AS scope_types,
        tenant, origin, seq, topic, partition, offset, received_at, accept_from, accept_until, records, bytes
    FROM (
        SELECT
            {{ otlp.attributes_map('resource_attributes', 1) }} AS resource_map,
            {{ otlp.attribute_types('resource_attributes') }} AS resource_types,
            resource_dropped, resource_schema_url,
            scope_names, scope_versions, scopes_attributes, scopes_dropped, scope_schema_urls, scopes_logs,
            tenant, origin, seq, topic, partition, offset, received_at, accept_from, accept_until, records, bytes
        FROM sightline_landing_logs
        ARRAY JOIN
            resource_logs.resource.attributes AS resource_attributes,
            resource_logs.resource.dropped_attributes_count AS resource_dropped,
            resource_logs.schema_url AS resource_schema_url,
            resource_logs.scope_logs.scope.name AS scope_names,
            resource_logs.scope_logs.scope.version AS scope_versions,
            resource_logs.scope_logs.scope.attributes AS scopes_attributes,
            resource_logs.scope_logs.scope.dropped_attributes_count AS scopes_dropped,
            resource_logs.scope_logs.schema_url AS scope_schema_urls,
            resource_logs.scope_logs.log_records AS scopes_logs
    )
    ARRAY JOIN
        scope_names AS scope_name, scope_versions AS scope_version, scopes_attributes AS scope_attributes,
        scopes_dropped AS scope_dropped, scope_schema_urls AS scope_schema_url, scopes_logs AS logs
)
ARRAY JOIN logs AS log;

CREATE MATERIALIZED VIEW IF NOT EXISTS sightline_logs_mv {{ on_cluster }} TO sightline_logs AS
WITH
    multiIf(log.time_unix_nano != 0, log.time_unix_nano, log.observed_time_unix_nano != 0, log.observed_time_unix_nano, received_at) AS time,
    multiIf(time < accept_from, 'timestamp_too_old', time > accept_until, 'timestamp_in_future', '') AS reason,
    lower(log.severity_text) AS text
SELECT
    {{ otlp.timestamp("if(reason = '', time, received_at)") }} AS Timestamp,
    {{ otlp.hex_id('log.trace_id', 16) }} AS TraceId,
    {{ otlp.hex_id('log.span_id', 8) }} AS SpanId,
    toUInt8(bitAnd(log.flags, 255)) AS TraceFlags,
    log.severity_text AS SeverityText,
    toUInt8(log.severity_number) AS SeverityNumber,
    resource_map['service.name'] AS ServiceName,
    {{ otlp.text('log.body', 2) }} AS Body,
    resource_schema_url AS ResourceSchemaUrl,
    resource_map AS ResourceAttributes,
    scope_schema_url AS ScopeSchemaUrl,
    scope_name AS ScopeName,
    scope_version AS ScopeVersion,
    scope_map AS ScopeAttributes,
    {{ otlp.attributes_map('log.attributes', 1) }} AS LogAttributes,
    log.event_name AS EventName,
    multiIf(
        SeverityNumber BETWEEN 1 AND 4, 'trace', SeverityNumber BETWEEN 5 AND 8, 'debug', SeverityNumber BETWEEN 9 AND 12, 'info',
        SeverityNumber BETWEEN 13 AND 16, 'warn', SeverityNumber BETWEEN 17 AND 20, 'error', SeverityNumber BETWEEN 21 AND 24, 'fatal',
        text IN ('trace', 'debug', 'info', 'warn', 'error', 'fatal'), text,
        text = 'warning', 'warn', text IN ('critical', 'panic', 'emergency'), 'fatal', text = 'err', 'error', text IN ('notice', 'information'), 'info', '') AS Severity,
    {{ otlp.type_letter('log.body') }} AS BodyType,
    {{ otlp.timestamp('log.observed_time_unix_nano') }} AS ObservedTimestamp,
    log.flags AS Flags,
    multiIf(log.time_unix_nano != 0, 'time', log.observed_time_unix_nano != 0, 'observed', 'received') AS TimeSource,
    {{ otlp.attribute_types('log.attributes') }} AS LogAttributeTypes,
    resource_types AS ResourceAttributeTypes,
    scope_types AS ScopeAttributeTypes,
    log.dropped_attributes_count AS DroppedAttributesCount,
    resource_dropped AS ResourceDroppedAttributesCount,
    scope_dropped AS ScopeDroppedAttributesCount,
    arrayFilter(w -> w != '', [
        if(notEmpty(log.trace_id) AND length(log.trace_id) != 16, concat('trace_id_invalid:', lower(hex(log.trace_id))), ''),
        if(notEmpty(log.span_id) AND length(log.span_id) != 8, concat('span_id_invalid:', lower(hex(log.span_id))), ''),
        if(log.severity_number < 0 OR log.severity_number > 24, concat('severity_number_unknown:', toString(log.severity_number)), ''),
        if(empty(ServiceName), 'service_name_missing', '')]) AS Warnings,
    tenant AS Tenant,
    reason AS Reason,
    if(reason = '', CAST(map(), 'Map(String, String)'), map(
        'trace_id', lower(hex(log.trace_id)), 'span_id', lower(hex(log.span_id)), 'severity_number', toString(log.severity_number),
        'time_unix_nano', toString(log.time_unix_nano), 'observed_time_unix_nano', toString(log.observed_time_unix_nano))) AS Record,
    {{ otlp.timestamp('received_at') }} AS ReceivedAt,
    origin AS Origin, seq AS Seq, topic AS Topic, partition AS Partition, offset AS Offset, records AS Records, bytes AS Bytes
FROM sightline_logs_raw;

CREATE MATERIALIZED VIEW IF NOT EXISTS otel_logs_mv {{ on_cluster }} TO otel_logs AS
SELECT * EXCEPT (Reason, Record, ReceivedAt, Origin, Seq, Topic, Partition, Offset, Records, Bytes)
FROM sightline_logs WHERE Reason = '';

CREATE MATERIALIZED VIEW IF NOT EXISTS sightline_correlations_logs_mv {{ on_cluster }} TO sightline_correlations AS
SELECT Id, TraceId, min(Timestamp) AS Start, max(Timestamp) AS End, toUInt64(0) AS Spans, count() AS Logs
FROM sightline_logs
ARRAY JOIN arrayDistinct([CorrelationId, TraceId]) AS Id
WHERE Reason = '' AND Id != '' GROUP BY Id, TraceId;

CREATE MATERIALIZED VIEW IF NOT EXISTS sightline_log_counts_1m_mv {{ on_cluster }} TO sightline_log_counts_1m AS
SELECT toStartOfMinute(toDateTime(Timestamp)) AS Time, ServiceName, Severity, count() AS Logs
FROM sightline_logs WHERE Reason = '' GROUP BY Time, ServiceName, Severity;

CREATE MATERIALIZED VIEW IF NOT EXISTS sightline_quarantine_logs_mv {{ on_cluster }} TO sightline_quarantine AS
SELECT
    ReceivedAt, 'logs' AS Signal, Reason, Tenant, ServiceName, substringUTF8(Body, 1, 1000) AS Name, Topic, Partition, Offset,
    toJSONString(mapConcat(Record, map(
        'severity_text', SeverityText, 'body', Body, 'body_type', BodyType, 'event_name', EventName, 'flags', toString(Flags),
        'attributes', toJSONString(LogAttributes), 'attribute_types', LogAttributeTypes,
        'dropped_attributes_count', toString(DroppedAttributesCount),
        'resource', toJSONString(ResourceAttributes), 'resource_types', ResourceAttributeTypes,
        'resource_dropped_attributes_count', toString(ResourceDroppedAttributesCount), 'resource_schema_url', ResourceSchemaUrl,
        'scope_name', ScopeName, 'scope_version', ScopeVersion,
        'scope_attributes', toJSONString(ScopeAttributes), 'scope_types', ScopeAttributeTypes,
        'scope_dropped_attributes_count', toString(ScopeDroppedAttributesCount), 'scope_schema_url', ScopeSchemaUrl))) AS Record
FROM sightline_logs WHERE Reason != '';

CREATE MATERIALIZED VIEW IF NOT EXISTS sightline_ledger_logs_mv {{ on_cluster }} TO sightline_ledger AS
SELECT
    ReceivedAt, 'logs' AS Signal, Tenant, ServiceName, Origin, Seq, Topic, Partition, Offset, Records, Bytes,
    countIf(Reason = '') AS Stored, countIf(Reason != '') AS Quarantined
FROM sightline_logs
GROUP BY ReceivedAt, Tenant, ServiceName, Origin, Seq, Topic, Partition, Offset, Records, Bytes;

CREATE MATERIALIZED VIEW IF NOT EXISTS sightline_attribute_keys_logs_mv {{ on_cluster }} TO sightline_attribute_keys AS
SELECT Day, 'logs' AS Signal, found.1 AS Scope, ServiceName, found.2 AS Key, groupUniqArrayArray([found.3]) AS Types, toUInt64(count()) AS Count
FROM (
    SELECT toDate(Timestamp) AS Day, ServiceName, LogAttributeTypes, ResourceAttributeTypes, mapKeys(LogAttributes) AS record_keys,
           any(mapKeys(ResourceAttributes)) AS resource_keys
    FROM sightline_logs WHERE Reason = ''
    GROUP BY Day, ServiceName, LogAttributeTypes, ResourceAttributeTypes, record_keys
)
ARRAY JOIN arrayConcat(
    arrayMap((k, i) -> ('record', k, substring(LogAttributeTypes, i, 1)), record_keys, arrayEnumerate(record_keys)),
    arrayMap((k, i) -> ('resource', k, substring(ResourceAttributeTypes, i, 1)), resource_keys, arrayEnumerate(resource_keys))) AS found
GROUP BY Day, Scope, ServiceName, Key;
