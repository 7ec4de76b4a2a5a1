-- The spans of a trace as the API names their fields, in order of their start.
SELECT
    SpanId AS span_id, ParentSpanId AS parent_span_id, ServiceName AS service, SpanName AS name, lower(SpanKind) AS kind,
    toString(toUnixTimestamp64Nano(Timestamp)) AS start_unix_nano, Duration AS duration_ns,
    lower(StatusCode) AS status, StatusMessage AS status_message,
    toUInt32(length(`Events.Name`)) AS event_count, toUInt32(length(`Links.TraceId`)) AS link_count,
    CAST(has(`Events.Name`, 'exception'), 'Bool') AS has_exception
    $details
FROM otel_traces
WHERE TraceId = {trace_id:String} AND Timestamp >= toDateTime64({first:UInt32}, 9) AND Timestamp < toDateTime64({last:UInt32} + 1, 9)
ORDER BY Timestamp, SpanId
LIMIT {limit:UInt32}
