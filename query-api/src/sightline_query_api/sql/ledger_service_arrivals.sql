-- Records of each service that arrived, or are dead letters known to be its own, between two reports of its
-- SDKs. A message of one service counts as it declares, of several as what was found of each.
WITH
    bounds AS (
        SELECT bound.1 AS Signal, bound.2 AS ServiceName, fromUnixTimestamp64Nano(bound.3) AS After, fromUnixTimestamp64Nano(bound.4) AS Upto
        FROM (SELECT arrayJoin(arrayZip({signals:Array(String)}, {keys:Array(String)}, {froms:Array(Int64)}, {untils:Array(Int64)})) AS bound)
    )
SELECT Signal AS signal, ServiceName AS key, toInt64(sumIf(Counted, Earlier)) AS records, toInt64(sumIf(Counted, NOT Earlier)) AS later
FROM (
    SELECT Signal, ServiceName, ReceivedAt <= Upto AS Earlier, if(Alone AND Declared > 0, Declared, Held) AS Counted
    FROM (
        SELECT Signal, ReceivedAt, Declared, length(Parts) = 1 AS Alone, Part.1 AS ServiceName, Part.2 AS Held
        FROM (
            SELECT Signal, ReceivedAt, any(Records) AS Declared, groupArray((ServiceName, Stored + Quarantined)) AS Parts
            FROM sightline_ledger
            WHERE ReceivedAt > fromUnixTimestamp64Nano({start:Int64}) AND ReceivedAt <= fromUnixTimestamp64Nano({end:Int64})
            GROUP BY Signal, Topic, Partition, Offset, ReceivedAt
        )
        ARRAY JOIN Parts AS Part
    ) AS arrived INNER JOIN bounds USING (Signal, ServiceName)
    WHERE ReceivedAt > After
    UNION ALL
    SELECT Signal, ServiceName, ReceivedAt <= Upto, greatest(1, Records)
    FROM (SELECT *, ServiceNames[1] AS ServiceName FROM sightline_dead_letters_now WHERE length(ServiceNames) = 1 AND State != 'redriven') AS letters
    INNER JOIN bounds USING (Signal, ServiceName)
    WHERE ReceivedAt > After
)
GROUP BY signal, key
