{% import 'macros/otlp.sql' as otlp %}
-- Log records. Column names up to EventName are those of the OpenTelemetry Collector's ClickHouse
-- exporter; what follows them is ours.
{% macro log_type() -%}
Tuple(
        time_unix_nano UInt64, severity_number Int32, severity_text String, body {{ otlp.any_value_type(2) }},
        attributes {{ otlp.attributes_type(1) }}, dropped_attributes_count UInt32, flags UInt32,
        trace_id String, span_id String, observed_time_unix_nano UInt64, event_name String)
{%- endmacro %}

CREATE TABLE IF NOT EXISTS otel_logs {{ on_cluster }} (
    Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    TraceFlags UInt8,
    SeverityText LowCardinality(String) CODEC(ZSTD(1)),
    SeverityNumber UInt8,
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    Body String CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    LogAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    EventName String CODEC(ZSTD(1)),

    CorrelationId String ALIAS LogAttributes['correlation.id'],
    Severity LowCardinality(String) COMMENT 'trace debug info warn error fatal, or empty; from the number, else from the text',
    BodyType LowCardinality(String) COMMENT 'type letter of the body: s i b d a k x n; a and k are JSON in Body',
    ObservedTimestamp DateTime64(9) COMMENT '1970: not sent' CODEC(Delta(8), ZSTD(1)),
    Flags UInt32 COMMENT 'all of them; TraceFlags are the low eight bits' CODEC(ZSTD(1)),
    TimeSource LowCardinality(String) COMMENT 'which time Timestamp is: time, observed or received',
    LogAttributeTypes LowCardinality(String) COMMENT 'one type letter per attribute, in order',
    ResourceAttributeTypes LowCardinality(String),
    ScopeAttributeTypes LowCardinality(String),
    DroppedAttributesCount UInt32 CODEC(ZSTD(1)),
    ResourceDroppedAttributesCount UInt32 CODEC(ZSTD(1)),
    ScopeDroppedAttributesCount UInt32 CODEC(ZSTD(1)),
    Warnings Array(LowCardinality(String)) COMMENT 'what was odd and how it was read' CODEC(ZSTD(1)),
    Tenant LowCardinality(String),

    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_log_attr_values mapValues(LogAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_res_attr_values mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_lower_body lower(Body) TYPE text(tokenizer = 'splitByNonAlpha')
) ENGINE = {{ engine('MergeTree') }}
PARTITION BY toDate(Timestamp)
ORDER BY (toStartOfFiveMinutes(Timestamp), ServiceName, Timestamp)
TTL toDateTime(Timestamp) + INTERVAL {{ retention_days }} DAY
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728, merge_selector_base = 30, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS sightline_landing_logs {{ on_cluster }} (
    resource_logs Array(Tuple(
        resource {{ otlp.resource_type() }},
        scope_logs Array(Tuple(
            scope {{ otlp.scope_type() }},
            log_records Array({{ log_type() }}),
            schema_url String)),
        schema_url String)),
    {{ otlp.envelope_columns() }},
    {{ otlp.envelope_constraint() }}
) ENGINE = Null;

CREATE TABLE IF NOT EXISTS sightline_logs_raw {{ on_cluster }} (
    log {{ log_type() }},
    resource_map Map(LowCardinality(String), String), resource_types LowCardinality(String),
    resource_dropped UInt32, resource_schema_url LowCardinality(String),
    scope_name String, scope_version String,
    scope_map Map(LowCardinality(String), String), scope_types LowCardinality(String),
    scope_dropped UInt32, scope_schema_url LowCardinality(String),
    {{ otlp.envelope_columns() }}
) ENGINE = Null;

-- One row per log record, in the columns of otel_logs plus what the books need.
CREATE TABLE IF NOT EXISTS sightline_logs {{ on_cluster }} AS otel_logs ENGINE = Null;
ALTER TABLE sightline_logs {{ on_cluster }}
    ADD COLUMN IF NOT EXISTS Reason LowCardinality(String),
    ADD COLUMN IF NOT EXISTS Record Map(String, String),
    ADD COLUMN IF NOT EXISTS ReceivedAt DateTime64(9),
    ADD COLUMN IF NOT EXISTS Origin LowCardinality(String),
    ADD COLUMN IF NOT EXISTS Seq UInt64,
    ADD COLUMN IF NOT EXISTS Topic LowCardinality(String),
    ADD COLUMN IF NOT EXISTS Partition UInt32,
    ADD COLUMN IF NOT EXISTS Offset UInt64,
    ADD COLUMN IF NOT EXISTS Records UInt64,
    ADD COLUMN IF NOT EXISTS Bytes UInt64;

-- Log lines per minute, service and severity: the histogram and the service list read this.
CREATE TABLE IF NOT EXISTS sightline_log_counts_1m {{ on_cluster }} (
    Time DateTime CODEC(Delta(4), ZSTD(1)),
    ServiceName LowCardinality(String),
    Severity LowCardinality(String),
    Logs SimpleAggregateFunction(sum, UInt64)
) ENGINE = {{ engine('AggregatingMergeTree') }}
PARTITION BY toStartOfWeek(Time)
ORDER BY (ServiceName, Time, Severity)
TTL Time + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728;
