-- What roll-ups must agree with. Each block: what the raw tables say, then what the roll-up says, as key and value.

-- name: sightline_red_1m.Spans
SELECT toString((toStartOfMinute(toDateTime(Timestamp)), ServiceName, SpanName, SpanKind, StatusCode)) AS key, count() AS value
FROM otel_traces GROUP BY key
-- against
SELECT toString((Time, ServiceName, SpanName, SpanKind, StatusCode)) AS key, sum(Spans) AS value
FROM sightline_red_1m GROUP BY key

-- name: sightline_red_1m.Count
SELECT toString((toStartOfMinute(toDateTime(Timestamp)), ServiceName, SpanName, SpanKind, StatusCode)) AS key, count() AS value
FROM otel_traces GROUP BY key
-- against
SELECT toString((Time, ServiceName, SpanName, SpanKind, StatusCode)) AS key, toUInt64(sum(Count)) AS value
FROM sightline_red_1m GROUP BY key

-- name: sightline_red_1m.DurationSum
SELECT toString((toStartOfMinute(toDateTime(Timestamp)), ServiceName, SpanName, SpanKind, StatusCode)) AS key, sum(Duration) AS value
FROM otel_traces GROUP BY key
-- against
SELECT toString((Time, ServiceName, SpanName, SpanKind, StatusCode)) AS key, toUInt64(sum(DurationSum)) AS value
FROM sightline_red_1m GROUP BY key

-- name: sightline_red_1m.DurationMax
SELECT toString((toStartOfMinute(toDateTime(Timestamp)), ServiceName, SpanName, SpanKind, StatusCode)) AS key, max(Duration) AS value
FROM otel_traces GROUP BY key
-- against
SELECT toString((Time, ServiceName, SpanName, SpanKind, StatusCode)) AS key, max(DurationMax) AS value
FROM sightline_red_1m GROUP BY key

-- name: sightline_red_1m.DurationQuantiles
SELECT toString((toStartOfMinute(toDateTime(Timestamp)), ServiceName, SpanName, SpanKind, StatusCode)) AS key,
       toUInt64(quantilesDD(0.01, 0.95)(Duration)[1]) AS value
FROM otel_traces GROUP BY key
-- against
SELECT toString((Time, ServiceName, SpanName, SpanKind, StatusCode)) AS key,
       toUInt64(quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(DurationQuantiles)[2]) AS value
FROM sightline_red_1m GROUP BY key

-- name: otel_traces_trace_id_ts
SELECT TraceId AS key, toUInt64(cityHash64(
    min(toDateTime(Timestamp)), max(toDateTime(Timestamp)), count(), countIf(StatusCode = 'Error'))) AS value
FROM otel_traces GROUP BY key
-- against
SELECT TraceId AS key, toUInt64(cityHash64(min(Start), max(End), sum(Spans), sum(Errors))) AS value
FROM otel_traces_trace_id_ts GROUP BY key

-- name: sightline_correlations.Spans
SELECT toString((CorrelationId, TraceId)) AS key, count() AS value FROM otel_traces GROUP BY key
-- against
SELECT toString((Id, TraceId)) AS key, sum(Spans) AS value FROM sightline_correlations WHERE Spans > 0 GROUP BY key

-- name: sightline_correlations.Logs
SELECT toString((CorrelationId, TraceId)) AS key, count() AS value FROM otel_logs GROUP BY key
-- against
SELECT toString((Id, TraceId)) AS key, sum(Logs) AS value
FROM sightline_correlations WHERE Logs > 0 AND Id != TraceId GROUP BY key

-- name: sightline_log_counts_1m
SELECT toString((toStartOfMinute(toDateTime(Timestamp)), ServiceName, Severity)) AS key, count() AS value
FROM otel_logs GROUP BY key
-- against
SELECT toString((Time, ServiceName, Severity)) AS key, sum(Logs) AS value
FROM sightline_log_counts_1m GROUP BY key

-- name: sightline_ledger.Stored
SELECT toString((Signal, ServiceName)) AS key, count() AS value
FROM (
    SELECT 'traces' AS Signal, ServiceName FROM otel_traces
    UNION ALL SELECT 'logs', ServiceName FROM otel_logs
    UNION ALL SELECT 'metrics', ServiceName FROM otel_metrics_gauge
    UNION ALL SELECT 'metrics', ServiceName FROM otel_metrics_sum
    UNION ALL SELECT 'metrics', ServiceName FROM otel_metrics_histogram
    UNION ALL SELECT 'metrics', ServiceName FROM otel_metrics_exponential_histogram
    UNION ALL SELECT 'metrics', ServiceName FROM otel_metrics_summary
) GROUP BY key
-- against
SELECT toString((Signal, ServiceName)) AS key, sum(Stored) AS value FROM sightline_ledger WHERE Stored > 0 GROUP BY key

-- name: sightline_ledger.Quarantined
SELECT toString((Signal, ServiceName)) AS key, count() AS value FROM sightline_quarantine GROUP BY key
-- against
SELECT toString((Signal, ServiceName)) AS key, sum(Quarantined) AS value
FROM sightline_ledger WHERE Quarantined > 0 GROUP BY key

-- name: sightline_ledger.Records
SELECT toString((Topic, Partition, Offset)) AS key, max(Records) AS value FROM sightline_ledger GROUP BY key
-- against
SELECT toString((Topic, Partition, Offset)) AS key, sum(Stored + Quarantined) AS value FROM sightline_ledger GROUP BY key
