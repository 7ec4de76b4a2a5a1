SELECT
    Caller AS caller, Callee AS callee, Kind AS kind,
    sum(Requests) AS requests, sum(Errors) AS errors,
    quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(DurationQuantiles) AS quantiles
FROM sightline_edges_1m FINAL
WHERE Time >= toStartOfMinute(fromUnixTimestamp64Nano({start:Int64})) AND Time < fromUnixTimestamp64Nano({end:Int64})
GROUP BY caller, callee, kind
HAVING (caller, callee, kind) > ({caller:String}, {callee:String}, {kind:String})
ORDER BY caller, callee, kind
LIMIT {limit:UInt32}
