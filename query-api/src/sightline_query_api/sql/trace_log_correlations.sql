SELECT groupUniqArrayIf(100)(CorrelationId, CorrelationId != '') AS correlation_ids
FROM otel_logs
WHERE TraceId = {trace_id:String} AND Timestamp >= fromUnixTimestamp64Nano({from:Int64}) AND Timestamp <= fromUnixTimestamp64Nano({to:Int64})
