-- Totals of one trace, one row per service; true also when not all of its spans are returned.
SELECT
    ServiceName AS service,
    count() AS spans,
    countIf(StatusCode = 'Error') AS errors,
    countIf(ParentSpanId != '' AND ParentSpanId NOT IN (
        SELECT SpanId FROM otel_traces
        WHERE TraceId = {trace_id:String} AND Timestamp >= toDateTime64({first:UInt32}, 9) AND Timestamp < toDateTime64({last:UInt32} + 1, 9)
    )) AS orphans,
    toUnixTimestamp64Nano(min(Timestamp)) AS begin,
    max(toUnixTimestamp64Nano(Timestamp) + toInt64(least(Duration, 9223372036854775807 - toUnixTimestamp64Nano(Timestamp)))) AS finish,
    groupUniqArrayIf(100)(CorrelationId, CorrelationId != '') AS correlation_ids
FROM otel_traces
WHERE TraceId = {trace_id:String} AND Timestamp >= toDateTime64({first:UInt32}, 9) AND Timestamp < toDateTime64({last:UInt32} + 1, 9)
GROUP BY service
ORDER BY spans DESC, service
