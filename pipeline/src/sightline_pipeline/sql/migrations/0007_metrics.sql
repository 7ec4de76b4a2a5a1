{% import 'macros/otlp.sql' as otlp %}
-- Metric points. Column names up to the kind's own values are those of the OpenTelemetry Collector's
-- ClickHouse exporter; what follows the comment `ours` is not.
{% macro exemplars_type() -%}
Array(Tuple(time_unix_nano UInt64, as_double Nullable(Float64), span_id String, trace_id String, as_int Nullable(Int64), filtered_attributes {{ otlp.attributes_type(0) }}))
{%- endmacro %}
{% macro number_point_type() -%}
Tuple(start_time_unix_nano UInt64, time_unix_nano UInt64, as_double Nullable(Float64), exemplars {{ exemplars_type() }}, as_int Nullable(Int64), attributes {{ otlp.attributes_type(1) }}, flags UInt32)
{%- endmacro %}
{% macro metric_type() -%}
Tuple(
        name String, description String, unit String, metadata {{ otlp.attributes_type(0) }},
        gauge Tuple(data_points Array({{ number_point_type() }})),
        sum Tuple(data_points Array({{ number_point_type() }}), aggregation_temporality Int32, is_monotonic Bool),
        histogram Tuple(data_points Array(Tuple(
            start_time_unix_nano UInt64, time_unix_nano UInt64, count UInt64, sum Nullable(Float64), bucket_counts Array(UInt64), explicit_bounds Array(Float64),
            exemplars {{ exemplars_type() }}, attributes {{ otlp.attributes_type(1) }}, flags UInt32, min Nullable(Float64), max Nullable(Float64))),
            aggregation_temporality Int32),
        exponential_histogram Tuple(data_points Array(Tuple(
            attributes {{ otlp.attributes_type(1) }}, start_time_unix_nano UInt64, time_unix_nano UInt64, count UInt64, sum Nullable(Float64), scale Int32, zero_count UInt64,
            positive Tuple(offset Int32, bucket_counts Array(UInt64)), negative Tuple(offset Int32, bucket_counts Array(UInt64)),
            flags UInt32, exemplars {{ exemplars_type() }}, min Nullable(Float64), max Nullable(Float64), zero_threshold Float64)),
            aggregation_temporality Int32),
        summary Tuple(data_points Array(Tuple(
            start_time_unix_nano UInt64, time_unix_nano UInt64, count UInt64, sum Float64, quantile_values Array(Tuple(quantile Float64, value Float64)),
            attributes {{ otlp.attributes_type(1) }}, flags UInt32))))
{%- endmacro %}
{% macro common_columns() -%}
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32 CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    MetricName LowCardinality(String) CODEC(ZSTD(1)),
    MetricDescription LowCardinality(String) CODEC(ZSTD(1)),
    MetricUnit LowCardinality(String) CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    StartTimeUnix DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    TimeUnix DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    Flags UInt32 CODEC(ZSTD(1))
{%- endmacro %}
{% macro exemplar_columns() -%}
    `Exemplars.FilteredAttributes` Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    `Exemplars.TimeUnix` Array(DateTime64(9)) CODEC(ZSTD(1)),
    `Exemplars.Value` Array(Float64) CODEC(ZSTD(1)),
    `Exemplars.SpanId` Array(String) CODEC(ZSTD(1)),
    `Exemplars.TraceId` Array(String) CODEC(ZSTD(1))
{%- endmacro %}
{% macro own_columns() -%}
    -- ours
    AttributeTypes LowCardinality(String) COMMENT 'one type letter per attribute, in order',
    ResourceAttributeTypes LowCardinality(String),
    ScopeAttributeTypes LowCardinality(String),
    ResourceDroppedAttributesCount UInt32 CODEC(ZSTD(1)),
    MetricMetadata Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Tenant LowCardinality(String),

    INDEX idx_attr_values mapValues(Attributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_res_attr_values mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1
{%- endmacro %}
{% macro storage() -%}
ENGINE = {{ engine('MergeTree') }}
PARTITION BY toDate(TimeUnix)
ORDER BY (ServiceName, MetricName, toStartOfHour(TimeUnix), cityHash64(Attributes), TimeUnix)
TTL toDateTime(TimeUnix) + INTERVAL {{ retention_days }} DAY
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728, merge_selector_base = 30, ttl_only_drop_parts = 1
{%- endmacro %}

CREATE TABLE IF NOT EXISTS otel_metrics_gauge {{ on_cluster }} (
{{ common_columns() }},
    Value Float64 CODEC(ZSTD(1)),
{{ exemplar_columns() }},
    IntValue Nullable(Int64) COMMENT 'the exact value when it was sent as an integer' CODEC(ZSTD(1)),
{{ own_columns() }}
) {{ storage() }};

CREATE TABLE IF NOT EXISTS otel_metrics_sum {{ on_cluster }} (
{{ common_columns() }},
    Value Float64 CODEC(ZSTD(1)),
    AggregationTemporality Int32 CODEC(ZSTD(1)),
    IsMonotonic Bool CODEC(ZSTD(1)),
{{ exemplar_columns() }},
    IntValue Nullable(Int64) COMMENT 'the exact value when it was sent as an integer' CODEC(ZSTD(1)),
{{ own_columns() }}
) {{ storage() }};

CREATE TABLE IF NOT EXISTS otel_metrics_histogram {{ on_cluster }} (
{{ common_columns() }},
    Count UInt64 CODEC(Delta(8), ZSTD(1)),
    Sum Float64 CODEC(ZSTD(1)),
    BucketCounts Array(UInt64) CODEC(ZSTD(1)),
    ExplicitBounds Array(Float64) CODEC(ZSTD(1)),
    Min Float64 CODEC(ZSTD(1)),
    Max Float64 CODEC(ZSTD(1)),
    AggregationTemporality Int32 CODEC(ZSTD(1)),
{{ exemplar_columns() }},
    Present Array(LowCardinality(String)) COMMENT 'which of the optional sum, min, max were sent' CODEC(ZSTD(1)),
{{ own_columns() }}
) {{ storage() }};

CREATE TABLE IF NOT EXISTS otel_metrics_exponential_histogram {{ on_cluster }} (
{{ common_columns() }},
    Count UInt64 CODEC(Delta(8), ZSTD(1)),
    Sum Float64 CODEC(ZSTD(1)),
    Scale Int32 CODEC(ZSTD(1)),
    ZeroCount UInt64 CODEC(ZSTD(1)),
    PositiveOffset Int32 CODEC(ZSTD(1)),
    PositiveBucketCounts Array(UInt64) CODEC(ZSTD(1)),
    NegativeOffset Int32 CODEC(ZSTD(1)),
    NegativeBucketCounts Array(UInt64) CODEC(ZSTD(1)),
    Min Float64 CODEC(ZSTD(1)),
    Max Float64 CODEC(ZSTD(1)),
    AggregationTemporality Int32 CODEC(ZSTD(1)),
{{ exemplar_columns() }},
    ZeroThreshold Float64 CODEC(ZSTD(1)),
    Present Array(LowCardinality(String)) COMMENT 'which of the optional sum, min, max were sent' CODEC(ZSTD(1)),
{{ own_columns() }}
) {{ storage() }};

CREATE TABLE IF NOT EXISTS otel_metrics_summary {{ on_cluster }} (
{{ common_columns() }},
    Count UInt64 CODEC(Delta(8), ZSTD(1)),
    Sum Float64 CODEC(ZSTD(1)),
    `ValueAtQuantiles.Quantile` Array(Float64) CODEC(ZSTD(1)),
    `ValueAtQuantiles.Value` Array(Float64) CODEC(ZSTD(1)),
{{ own_columns() }}
) {{ storage() }};

-- The exporter's README and its code disagree on this table's name; both names read the same rows.
CREATE VIEW IF NOT EXISTS otel_metrics_exp_histogram {{ on_cluster }} AS SELECT * FROM otel_metrics_exponential_histogram;

CREATE TABLE IF NOT EXISTS sightline_landing_metrics {{ on_cluster }} (
    resource_metrics Array(Tuple(
        resource {{ otlp.resource_type() }},
        scope_metrics Array(Tuple(
            scope {{ otlp.scope_type() }},
            metrics Array({{ metric_type() }}),
            schema_url String)),
        schema_url String)),
    {{ otlp.envelope_columns() }},
    {{ otlp.envelope_constraint() }}
) ENGINE = Null;

-- One row per metric, its points still inside.
CREATE TABLE IF NOT EXISTS sightline_metrics_raw {{ on_cluster }} (
    metric {{ metric_type() }},
    resource_map Map(LowCardinality(String), String), resource_types LowCardinality(String),
    resource_dropped UInt32, resource_schema_url LowCardinality(String),
    scope_name String, scope_version String,
    scope_map Map(LowCardinality(String), String), scope_types LowCardinality(String),
    scope_dropped UInt32, scope_schema_url LowCardinality(String),
    {{ otlp.envelope_columns() }}
) ENGINE = Null;
