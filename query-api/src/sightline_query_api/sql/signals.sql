SELECT
    toUnixTimestamp(toStartOfInterval(Time, toIntervalSecond({step:UInt32}))) AS time,
    sum(Count) AS requests, sumIf(Count, StatusCode = 'Error') AS errors,
    sum(Spans) AS spans,
    quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(DurationQuantiles) AS quantiles,
    argMaxMerge(Exemplar) AS exemplar_trace_id,
    argMaxMergeIf(Exemplar, StatusCode = 'Error') AS error_trace_id
FROM sightline_red_1m
WHERE ServiceName = {service:String}
  AND Time >= toStartOfMinute(fromUnixTimestamp64Nano({start:Int64})) AND Time < fromUnixTimestamp64Nano({end:Int64})
  AND $operation
GROUP BY time
ORDER BY time
