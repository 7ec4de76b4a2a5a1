-- Every numbered record with its content, one query a signal.

-- name: traces
SELECT SpanAttributes['test.number'], ServiceName, toUnixTimestamp64Nano(Timestamp), TraceId, SpanId, SpanName, SpanKind, Duration, StatusCode
FROM otel_traces

-- name: logs
SELECT LogAttributes['test.number'], ServiceName, toUnixTimestamp64Nano(Timestamp), TraceId, SeverityNumber, Body
FROM otel_logs

-- name: metrics
SELECT Attributes['test.number'], ServiceName, toUnixTimestamp64Nano(TimeUnix), MetricName, toUInt64(Value)
FROM otel_metrics_gauge
UNION ALL SELECT Attributes['test.number'], ServiceName, toUnixTimestamp64Nano(TimeUnix), MetricName, toUInt64(Value)
FROM otel_metrics_sum WHERE ServiceName != 'sightline-collector'
UNION ALL SELECT Attributes['test.number'], ServiceName, toUnixTimestamp64Nano(TimeUnix), MetricName, Count
FROM otel_metrics_histogram
UNION ALL SELECT Attributes['test.number'], ServiceName, toUnixTimestamp64Nano(TimeUnix), MetricName, Count
FROM otel_metrics_exponential_histogram
UNION ALL SELECT Attributes['test.number'], ServiceName, toUnixTimestamp64Nano(TimeUnix), MetricName, Count
FROM otel_metrics_summary

-- name: quarantine
SELECT Name, Signal, ServiceName, Reason FROM sightline_quarantine

-- name: bus
SELECT Topic, Partition, min(Offset), max(Offset), uniqExact(Offset), uniqExact(Origin, Seq) FROM sightline_ledger GROUP BY Topic, Partition

-- name: gaps
SELECT * FROM sightline_gaps
