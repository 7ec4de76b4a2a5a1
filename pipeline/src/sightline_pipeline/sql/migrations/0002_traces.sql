{% import 'macros/otlp.sql' as otlp %}
{% macro span_type() -%}
Tuple(
        trace_id String, span_id String, trace_state String, parent_span_id String, name String, kind Int32,
        start_time_unix_nano UInt64, end_time_unix_nano UInt64,
        attributes {{ otlp.attributes_type(1) }}, dropped_attributes_count UInt32,
        events Array(Tuple(time_unix_nano UInt64, name String, attributes {{ otlp.attributes_type(1) }}, dropped_attributes_count UInt32)),
        dropped_events_count UInt32,
        links Array(Tuple(trace_id String, span_id String, trace_state String, attributes {{ otlp.attributes_type(0) }}, dropped_attributes_count UInt32, flags UInt32)),
        dropped_links_count UInt32,
        status Tuple(message String, code Int32),
        flags UInt32)
{%- endmacro %}
-- Spans. Column names up to Links are those of the OpenTelemetry Collector's ClickHouse exporter;
-- what follows them is ours. The landing table stores nothing: views take each insert apart.

CREATE TABLE IF NOT EXISTS otel_traces {{ on_cluster }} (
    Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)),
    TraceState String CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Duration UInt64 CODEC(T64, ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    `Events.Timestamp` Array(DateTime64(9)) CODEC(ZSTD(1)),
    `Events.Name` Array(LowCardinality(String)) CODEC(ZSTD(1)),
    `Events.Attributes` Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    `Links.TraceId` Array(String) CODEC(ZSTD(1)),
    `Links.SpanId` Array(String) CODEC(ZSTD(1)),
    `Links.TraceState` Array(String) CODEC(ZSTD(1)),
    `Links.Attributes` Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),

    CorrelationId String ALIAS SpanAttributes['correlation.id'],
    TraceFlags UInt32 CODEC(ZSTD(1)),
    AdjustedCount Float64 COMMENT 'spans that this one stands for, from tracestate ot=th' CODEC(ZSTD(1)),
    SpanAttributeTypes LowCardinality(String) COMMENT 'one type letter per attribute, in order: s i b d a k x n',
    ResourceAttributeTypes LowCardinality(String),
    `Events.AttributeTypes` Array(LowCardinality(String)) CODEC(ZSTD(1)),
    `Events.DroppedAttributesCount` Array(UInt32) CODEC(ZSTD(1)),
    `Links.AttributeTypes` Array(LowCardinality(String)) CODEC(ZSTD(1)),
    `Links.DroppedAttributesCount` Array(UInt32) CODEC(ZSTD(1)),
    `Links.TraceFlags` Array(UInt32) CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeAttributeTypes LowCardinality(String),
    ScopeDroppedAttributesCount UInt32 CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String),
    ResourceDroppedAttributesCount UInt32 CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String),
    DroppedAttributesCount UInt32 CODEC(ZSTD(1)),
    DroppedEventsCount UInt32 CODEC(ZSTD(1)),
    DroppedLinksCount UInt32 CODEC(ZSTD(1)),
    Warnings Array(LowCardinality(String)) COMMENT 'what was odd and how it was read' CODEC(ZSTD(1)),
    Tenant LowCardinality(String),

    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_span_attr_values mapValues(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_res_attr_values mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_duration Duration TYPE minmax GRANULARITY 1
) ENGINE = {{ engine('MergeTree') }}
PARTITION BY toDate(Timestamp)
PRIMARY KEY (ServiceName, SpanName, toDateTime(Timestamp))
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp), Timestamp)
TTL toDateTime(Timestamp) + INTERVAL {{ retention_days }} DAY
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728, merge_selector_base = 30, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS otel_traces_trace_id_ts {{ on_cluster }} (
    TraceId String CODEC(ZSTD(1)),
    Start SimpleAggregateFunction(min, DateTime),
    End SimpleAggregateFunction(max, DateTime),
    Spans SimpleAggregateFunction(sum, UInt64),
    Errors SimpleAggregateFunction(sum, UInt64)
) ENGINE = {{ engine('AggregatingMergeTree') }}
PARTITION BY toStartOfWeek(Start)
ORDER BY TraceId
TTL End + INTERVAL {{ retention_days }} DAY
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728;

CREATE TABLE IF NOT EXISTS sightline_landing_traces {{ on_cluster }} (
    resource_spans Array(Tuple(
        resource {{ otlp.resource_type() }},
        scope_spans Array(Tuple(
            scope {{ otlp.scope_type() }},
            spans Array({{ span_type() }}),
            schema_url String)),
        schema_url String)),
    {{ otlp.envelope_columns() }},
    {{ otlp.envelope_constraint() }}
) ENGINE = Null;

-- One row per span, not converted yet. Its own table, because expressions over columns of a table are
-- analysed many times faster than over elements of the landing table's tuples, on every insert.
CREATE TABLE IF NOT EXISTS sightline_spans_raw {{ on_cluster }} (
    span {{ span_type() }},
    resource_map Map(LowCardinality(String), String), resource_types LowCardinality(String),
    resource_dropped UInt32, resource_schema_url LowCardinality(String),
    scope_name String, scope_version String,
    scope_map Map(LowCardinality(String), String), scope_types LowCardinality(String),
    scope_dropped UInt32, scope_schema_url LowCardinality(String),
    {{ otlp.envelope_columns() }}
) ENGINE = Null;

-- One row per span, in the columns of otel_traces plus what the books need.
CREATE TABLE IF NOT EXISTS sightline_spans {{ on_cluster }} AS otel_traces ENGINE = Null;
ALTER TABLE sightline_spans {{ on_cluster }}
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
