{% import 'macros/otlp.sql' as otlp %}
{% set kinds = ['gauge', 'sum', 'histogram', 'exponential_histogram', 'summary'] %}
{% macro common() %}
    resource_map AS ResourceAttributes,
    resource_schema_url AS ResourceSchemaUrl,
    scope_name AS ScopeName,
    scope_version AS ScopeVersion,
    scope_map AS ScopeAttributes,
    scope_dropped AS ScopeDroppedAttrCount,
    scope_schema_url AS ScopeSchemaUrl,
    resource_map['service.name'] AS ServiceName,
    metric.name AS MetricName,
    metric.description AS MetricDescription,
    metric.unit AS MetricUnit,
    {{ otlp.attributes_map('attributes', 1) }} AS Attributes,
    {{ otlp.timestamp('start_time') }} AS StartTimeUnix,
    {{ otlp.timestamp('time') }} AS TimeUnix,
    flags AS Flags,
    {{ otlp.inner_attribute_types('attributes') }} AS AttributeTypes,
    resource_types AS ResourceAttributeTypes,
    scope_types AS ScopeAttributeTypes,
    resource_dropped AS ResourceDroppedAttributesCount,
    {{ otlp.attributes_map('metric.metadata', 0) }} AS MetricMetadata,
    tenant AS Tenant
{% endmacro %}
{% macro exemplars() %}
    arrayMap(e -> {{ otlp.attributes_map('e.filtered_attributes', 0) }}, exemplars) AS `Exemplars.FilteredAttributes`,
    arrayMap(e -> {{ otlp.timestamp('e.time_unix_nano') }}, exemplars) AS `Exemplars.TimeUnix`,
    arrayMap(e -> coalesce(e.as_double, toFloat64(e.as_int), 0.), exemplars) AS `Exemplars.Value`,
    arrayMap(e -> lower(hex(e.span_id)), exemplars) AS `Exemplars.SpanId`,
    arrayMap(e -> lower(hex(e.trace_id)), exemplars) AS `Exemplars.TraceId`
{% endmacro %}
{% macro points(kind, extra) %}
FROM sightline_metrics_raw
ARRAY JOIN
    metric.{{ kind }}.data_points.attributes AS attributes,
    metric.{{ kind }}.data_points.start_time_unix_nano AS start_time,
    metric.{{ kind }}.data_points.time_unix_nano AS time,
    metric.{{ kind }}.data_points.flags AS flags
{%- for name in extra %},
    metric.{{ kind }}.data_points.{{ name }} AS {{ name | replace('.', '_') }}
{%- endfor %}

WHERE time >= accept_from AND time <= accept_until
{% endmacro %}
{% macro present() -%}
arrayFilter(p -> p != '', [if(isNotNull(sum), 'sum', ''), if(isNotNull(min), 'min', ''), if(isNotNull(max), 'max', '')]) AS Present
{%- endmacro %}

{#- A point as JSON; its exemplars' ids are bytes, which JSON has no place for, and follow in hex. -#}
{% macro refused_point(kind) -%}
toValidUTF8(toJSONString(p)),
{%- if kind == 'summary' %} '[]', {% else %} toJSONString(arrayMap(e -> (lower(hex(e.trace_id)), lower(hex(e.span_id))), p.exemplars)), {% endif %}
{%- if kind == 'sum' -%} toJSONString(map('temporality', toInt32(metric.sum.aggregation_temporality), 'monotonic', toInt32(metric.sum.is_monotonic)))
{%- elif kind in ('gauge', 'summary') -%} '{}'
{%- else -%} toJSONString(map('temporality', metric.{{ kind }}.aggregation_temporality)) {%- endif -%}
{%- endmacro %}

CREATE MATERIALIZED VIEW IF NOT EXISTS sightline_metrics_raw_mv {{ on_cluster }} TO sightline_metrics_raw AS
SELECT
    metric, resource_map, resource_types, resource_dropped, resource_schema_url,
    scope_name, scope_version, scope_map, scope_types, scope_dropped, scope_schema_url,
    tenant, origin, seq, topic, partition, offset, received_at, accept_from, accept_until, records, bytes
FROM (
    SELECT
        resource_map, resource_types, resource_dropped, resource_schema_url,
        scope_name, scope_version, scope_dropped, scope_schema_url, metrics,
        {{ otlp.attributes_map('scope_attributes', 0) }} AS scope_map,
        {{ otlp.attribute_types('scope_attributes') }} AS scope_types,
        tenant, origin, seq, topic, partition, offset, received_at, accept_from, accept_until, records, bytes
    FROM (
        SELECT
            {{ otlp.attributes_map('resource_attributes', 1) }} AS resource_map,
            {{ otlp.attribute_types('resource_attributes') }} AS resource_types,
            resource_dropped, resource_schema_url,
            scope_names, scope_versions, scopes_attributes, scopes_dropped, scope_schema_urls, scopes_metrics,
            tenant, origin, seq, topic, partition, offset, received_at, accept_from, accept_until, records, bytes
        FROM sightline_landing_metrics
        ARRAY JOIN
            resource_metrics.resource.attributes AS resource_attributes,
            resource_metrics.resource.dropped_attributes_count AS resource_dropped,
            resource_metrics.schema_url AS resource_schema_url,
            resource_metrics.scope_metrics.scope.name AS scope_names,
            resource_metrics.scope_metrics.scope.version AS scope_versions,
            resource_metrics.scope_metrics.scope.attributes AS scopes_attributes,
            resource_metrics.scope_metrics.scope.dropped_attributes_count AS scopes_dropped,
            resource_metrics.scope_metrics.schema_url AS scope_schema_urls,
            resource_metrics.scope_metrics.metrics AS scopes_metrics
    )
    ARRAY JOIN
        scope_names AS scope_name, scope_versions AS scope_version, scopes_attributes AS scope_attributes,
        scopes_dropped AS scope_dropped, scope_schema_urls AS scope_schema_url, scopes_metrics AS metrics
)
ARRAY JOIN metrics AS metric;

CREATE MATERIALIZED VIEW IF NOT EXISTS otel_metrics_gauge_mv {{ on_cluster }} TO otel_metrics_gauge AS
SELECT {{ common() }},
    coalesce(as_double, toFloat64(as_int), 0.) AS Value, as_int AS IntValue, {{ exemplars() }}
{{ points('gauge', ['as_double', 'as_int', 'exemplars']) }};

CREATE MATERIALIZED VIEW IF NOT EXISTS otel_metrics_sum_mv {{ on_cluster }} TO otel_metrics_sum AS
SELECT {{ common() }},
    coalesce(as_double, toFloat64(as_int), 0.) AS Value, as_int AS IntValue,
    metric.sum.aggregation_temporality AS AggregationTemporality, metric.sum.is_monotonic AS IsMonotonic, {{ exemplars() }}
{{ points('sum', ['as_double', 'as_int', 'exemplars']) }};

CREATE MATERIALIZED VIEW IF NOT EXISTS otel_metrics_histogram_mv {{ on_cluster }} TO otel_metrics_histogram AS
SELECT {{ common() }},
    count AS Count, ifNull(sum, 0.) AS Sum, bucket_counts AS BucketCounts, explicit_bounds AS ExplicitBounds,
    ifNull(min, 0.) AS Min, ifNull(max, 0.) AS Max, metric.histogram.aggregation_temporality AS AggregationTemporality,
    {{ present() }}, {{ exemplars() }}
{{ points('histogram', ['count', 'sum', 'bucket_counts', 'explicit_bounds', 'min', 'max', 'exemplars']) }};

CREATE MATERIALIZED VIEW IF NOT EXISTS otel_metrics_exponential_histogram_mv {{ on_cluster }} TO otel_metrics_exponential_histogram AS
SELECT {{ common() }},
    count AS Count, ifNull(sum, 0.) AS Sum, scale AS Scale, zero_count AS ZeroCount, zero_threshold AS ZeroThreshold,
    positive_offset AS PositiveOffset, positive_bucket_counts AS PositiveBucketCounts,
    negative_offset AS NegativeOffset, negative_bucket_counts AS NegativeBucketCounts,
    ifNull(min, 0.) AS Min, ifNull(max, 0.) AS Max, metric.exponential_histogram.aggregation_temporality AS AggregationTemporality,
    {{ present() }}, {{ exemplars() }}
{{ points('exponential_histogram', ['count', 'sum', 'scale', 'zero_count', 'zero_threshold', 'positive.offset', 'positive.bucket_counts',
                                    'negative.offset', 'negative.bucket_counts', 'min', 'max', 'exemplars']) }};

CREATE MATERIALIZED VIEW IF NOT EXISTS otel_metrics_summary_mv {{ on_cluster }} TO otel_metrics_summary AS
SELECT {{ common() }},
    count AS Count, sum AS Sum,
    quantile_values.quantile AS `ValueAtQuantiles.Quantile`, quantile_values.value AS `ValueAtQuantiles.Value`
{{ points('summary', ['count', 'sum', 'quantile_values']) }};

CREATE MATERIALIZED VIEW IF NOT EXISTS sightline_ledger_metrics_mv {{ on_cluster }} TO sightline_ledger AS
WITH
    arrayConcat({% for kind in kinds %}metric.{{ kind }}.data_points.time_unix_nano{{ ', ' if not loop.last }}{% endfor %}) AS times,
    arrayCount(t -> t < accept_from OR t > accept_until, times) AS refused
SELECT
    {{ otlp.timestamp('received_at') }} AS ReceivedAt, 'metrics' AS Signal, tenant AS Tenant, resource_map['service.name'] AS ServiceName,
    origin AS Origin, seq AS Seq, topic AS Topic, partition AS Partition, offset AS Offset, records AS Records, bytes AS Bytes,
    sum(length(times) - refused) AS Stored, sum(refused) AS Quarantined
FROM sightline_metrics_raw
GROUP BY ReceivedAt, Tenant, ServiceName, Origin, Seq, Topic, Partition, Offset, Records, Bytes;

CREATE MATERIALIZED VIEW IF NOT EXISTS sightline_quarantine_metrics_mv {{ on_cluster }} TO sightline_quarantine AS
SELECT
    {{ otlp.timestamp('received_at') }} AS ReceivedAt, 'metrics' AS Signal,
    multiIf(point.1 = 0, 'timestamp_missing', point.1 < accept_from, 'timestamp_too_old', 'timestamp_in_future') AS Reason,
    tenant AS Tenant, resource_map['service.name'] AS ServiceName, metric.name AS Name, topic AS Topic, partition AS Partition, offset AS Offset,
    toJSONString(map(
        'name', metric.name, 'unit', metric.unit, 'description', metric.description, 'kind', kind,
        'metadata', toJSONString({{ otlp.attributes_map('metric.metadata', 0) }}),
        'time_unix_nano', toString(point.1), 'point', point.2, 'exemplar_ids', point.3, 'aggregation', point.4,
        'resource', toJSONString(resource_map), 'resource_types', resource_types,
        'resource_dropped_attributes_count', toString(resource_dropped), 'resource_schema_url', resource_schema_url,
        'scope_name', scope_name, 'scope_version', scope_version, 'scope_attributes', toJSONString(scope_map), 'scope_types', scope_types,
        'scope_dropped_attributes_count', toString(scope_dropped), 'scope_schema_url', scope_schema_url)) AS Record
FROM sightline_metrics_raw
ARRAY JOIN
    {{ kinds | tojson | replace('"', "'") }} AS kind,
    [{% for kind in kinds %}arrayMap(p -> (p.time_unix_nano, {{ refused_point(kind) }}), arrayFilter(p -> p.time_unix_nano < accept_from OR p.time_unix_nano > accept_until, metric.{{ kind }}.data_points)){{ ', ' if not loop.last }}{% endfor %}] AS refused
ARRAY JOIN refused AS point;

CREATE MATERIALIZED VIEW IF NOT EXISTS sightline_attribute_keys_metrics_mv {{ on_cluster }} TO sightline_attribute_keys AS
SELECT toDate({{ otlp.timestamp('received_at') }}) AS Day, 'metrics' AS Signal, found.1 AS Scope, resource_map['service.name'] AS ServiceName, found.2 AS Key,
       groupUniqArrayArray(CAST([], 'Array(String)')) AS Types, toUInt64(count()) AS Count
FROM sightline_metrics_raw
ARRAY JOIN arrayConcat(
    arrayMap(k -> ('record', k), arrayDistinct(arrayFlatten([{% for kind in kinds %}arrayFlatten(metric.{{ kind }}.data_points.attributes.key){{ ', ' if not loop.last }}{% endfor %}]))),
    arrayMap(k -> ('resource', k), mapKeys(resource_map))) AS found
GROUP BY Day, Scope, ServiceName, Key;
