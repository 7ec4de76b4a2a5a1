-- Records of each origin that arrived, or are dead letters, between two of its reports. Each number once.
WITH
    bounds AS (
        SELECT bound.1 AS Signal, bound.2 AS Origin, fromUnixTimestamp64Nano(bound.3) AS After, fromUnixTimestamp64Nano(bound.4) AS Upto
        FROM (SELECT arrayJoin(arrayZip({signals:Array(String)}, {keys:Array(String)}, {froms:Array(Int64)}, {untils:Array(Int64)})) AS bound)
    )
SELECT Signal AS signal, Origin AS key, toInt64(sum(Records)) AS records
FROM (
    SELECT Signal, Origin, Seq, any(Records) AS Records
    FROM sightline_ledger INNER JOIN bounds USING (Signal, Origin)
    WHERE ReceivedAt > After AND ReceivedAt <= Upto
      AND ReceivedAt > fromUnixTimestamp64Nano({start:Int64}) AND ReceivedAt <= fromUnixTimestamp64Nano({end:Int64})
    GROUP BY Signal, Origin, Seq
    UNION ALL
    SELECT Signal, Origin, Seq, Records
    FROM sightline_dead_letters_now INNER JOIN bounds USING (Signal, Origin)
    WHERE ReceivedAt > After AND ReceivedAt <= Upto AND State != 'redriven'
)
GROUP BY signal, key
