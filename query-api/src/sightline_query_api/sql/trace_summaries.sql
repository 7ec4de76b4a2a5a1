-- One row per trace; the name is the root's, or that of the earliest span when there is no root.
SELECT
    TraceId AS trace_id,
    sum(roots) = 0 AS root_missing,
    if(root_missing, argMin(first, begin), argMinIf(root, root_begin, roots > 0)) AS named,
    toUnixTimestamp64Nano(min(begin)) AS start_unix_nano,
    max(finish) - start_unix_nano AS duration_ns,
    sum(spans) AS span_count,
    sum(errors) AS error_count,
    arraySort(service -> (-service.2, service.1), groupArray((ServiceName, spans, errors))) AS services
FROM (
    SELECT
        TraceId, ServiceName,
        count() AS spans, countIf(StatusCode = 'Error') AS errors, countIf(ParentSpanId = '') AS roots,
        min(Timestamp) AS begin, minIf(Timestamp, ParentSpanId = '') AS root_begin,
        max(toUnixTimestamp64Nano(Timestamp) + toInt64(least(Duration, 9223372036854775807 - toUnixTimestamp64Nano(Timestamp)))) AS finish,
        argMin((ServiceName, SpanName), Timestamp) AS first,
        argMinIf((ServiceName, SpanName), Timestamp, ParentSpanId = '') AS root
    FROM otel_traces
    WHERE TraceId IN {trace_ids:Array(String)} AND Timestamp >= toDateTime64({first:UInt32}, 9) AND Timestamp < toDateTime64({last:UInt32} + 1, 9)
    GROUP BY TraceId, ServiceName
)
GROUP BY TraceId
