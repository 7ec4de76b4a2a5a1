SELECT uniqExact(SpanName, SpanKind) AS operations
FROM sightline_red_1m
WHERE ServiceName = {service:String}
  AND Time >= toStartOfMinute(fromUnixTimestamp64Nano({start:Int64})) AND Time < fromUnixTimestamp64Nano({end:Int64})
