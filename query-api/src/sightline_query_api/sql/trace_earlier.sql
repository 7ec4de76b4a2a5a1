-- Which of these traces have a matching span before the range that was looked at.
SELECT DISTINCT TraceId AS trace_id
FROM otel_traces
WHERE TraceId IN {trace_ids:Array(String)}
  AND Timestamp >= fromUnixTimestamp64Nano({start:Int64}) AND Timestamp < fromUnixTimestamp64Nano({end:Int64}) AND $filters
