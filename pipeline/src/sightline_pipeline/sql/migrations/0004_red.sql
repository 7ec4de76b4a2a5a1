-- Traffic, errors and latency per operation and minute, before any sampling; read instead of spans.

CREATE TABLE IF NOT EXISTS sightline_red_1m {{ on_cluster }} (
    Time DateTime CODEC(Delta(4), ZSTD(1)),
    ServiceName LowCardinality(String),
    SpanName LowCardinality(String),
    SpanKind LowCardinality(String),
    StatusCode LowCardinality(String) COMMENT 'successes and failures stay apart',
    Spans SimpleAggregateFunction(sum, UInt64),
    Count SimpleAggregateFunction(sum, Float64) COMMENT 'spans weighted by their adjusted count',
    DurationSum SimpleAggregateFunction(sum, Float64) COMMENT 'nanoseconds, weighted',
    DurationMax SimpleAggregateFunction(max, UInt64),
    DurationQuantiles AggregateFunction(quantilesDD(0.01, 0.5, 0.95, 0.99), UInt64) COMMENT 'DDSketch of nanoseconds, 1 % relative accuracy',
    Exemplar AggregateFunction(argMax, String, UInt64) COMMENT 'trace id of the slowest span',
    LastSeen SimpleAggregateFunction(max, DateTime64(9))
) ENGINE = {{ engine('AggregatingMergeTree') }}
PARTITION BY toStartOfWeek(Time)
ORDER BY (ServiceName, Time, SpanName, SpanKind, StatusCode)
TTL Time + INTERVAL 400 DAY
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728;

CREATE MATERIALIZED VIEW IF NOT EXISTS sightline_red_1m_mv {{ on_cluster }} TO sightline_red_1m AS
SELECT
    toStartOfMinute(toDateTime(Timestamp)) AS Time,
    ServiceName, SpanName, SpanKind, StatusCode,
    count() AS Spans,
    sum(AdjustedCount) AS Count,
    sum(toFloat64(Duration) * AdjustedCount) AS DurationSum,
    max(Duration) AS DurationMax,
    quantilesDDState(0.01, 0.5, 0.95, 0.99)(Duration) AS DurationQuantiles,
    argMaxState(TraceId, Duration) AS Exemplar,
    max(Timestamp) AS LastSeen
FROM sightline_spans WHERE Reason = ''
GROUP BY Time, ServiceName, SpanName, SpanKind, StatusCode;
