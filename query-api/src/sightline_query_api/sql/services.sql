-- Every service with its traffic, from the roll-ups; one row per service.
SELECT
    service,
    sum(requests) AS requests, sum(errors) AS errors, anyIf(quantiles, notEmpty(quantiles)) AS quantiles,
    sum(spans) AS spans, sum(weighted) AS weighted, sum(logs) AS logs, max(last_seen) AS last_seen
FROM (
    SELECT
        ServiceName AS service,
        sumIf(Count, SpanKind IN ('Server', 'Consumer')) AS requests,
        sumIf(Count, SpanKind IN ('Server', 'Consumer') AND StatusCode = 'Error') AS errors,
        quantilesDDMergeIf(0.01, 0.5, 0.95, 0.99)(DurationQuantiles, SpanKind IN ('Server', 'Consumer')) AS quantiles,
        sum(Spans) AS spans, sum(Count) AS weighted, toUInt64(0) AS logs,
        toUnixTimestamp64Nano(max(LastSeen)) AS last_seen
    FROM sightline_red_1m
    WHERE Time >= toStartOfMinute(fromUnixTimestamp64Nano({start:Int64})) AND Time < fromUnixTimestamp64Nano({end:Int64}) AND $service
    GROUP BY service
    UNION ALL
    SELECT ServiceName, 0., 0., CAST([], 'Array(Float64)'), toUInt64(0), 0., sum(Logs), toInt64(toUnixTimestamp(max(Time))) * 1000000000
    FROM sightline_log_counts_1m
    WHERE Time >= toStartOfMinute(fromUnixTimestamp64Nano({start:Int64})) AND Time < fromUnixTimestamp64Nano({end:Int64}) AND $service
    GROUP BY ServiceName
)
GROUP BY service
ORDER BY service
LIMIT {limit:UInt32}
