-- Ids of the traces with a span that matches, newest first; `time` is that of the earliest such span.
SELECT TraceId AS trace_id, toUnixTimestamp64Nano(min(Timestamp)) AS time
FROM otel_traces
WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64}) AND Timestamp < fromUnixTimestamp64Nano({end:Int64}) AND $filters
GROUP BY TraceId
HAVING (time, trace_id) < ({before:Int64}, {before_id:String}) AND $traces
ORDER BY time DESC, trace_id DESC
LIMIT {limit:UInt32}
