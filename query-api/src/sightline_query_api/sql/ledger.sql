-- Per service: what its messages declared, what was stored. A message of one service is accounted to
-- it as a whole; of several, each has what was found of it, and '' what was declared beyond that.
SELECT
    service, signal,
    toInt64(sum(created)) AS created, toInt64(sum(stored)) AS stored, toInt64(sum(quarantined)) AS quarantined
FROM (
    SELECT
        Signal AS signal,
        if(Records = 0, sum(Stored + Quarantined), Records) AS declared,
        sum(Stored) + sum(Quarantined) AS held,
        groupArray((ServiceName, Stored, Quarantined)) AS parts,
        arrayJoin(arrayConcat(
            arrayMap(p -> (p.1, toInt64(if(length(parts) = 1, declared, p.2 + p.3)), p.2, p.3), parts),
            if(length(parts) = 1 OR declared = held, [], [('', toInt64(declared) - toInt64(held), 0, 0)]))) AS part,
        part.1 AS service, part.2 AS created, part.3 AS stored, part.4 AS quarantined
    FROM sightline_ledger
    WHERE ReceivedAt >= fromUnixTimestamp64Nano({start:Int64}) AND ReceivedAt < fromUnixTimestamp64Nano({end:Int64})
    GROUP BY Signal, Topic, Partition, Offset, Records
)
GROUP BY service, signal
ORDER BY signal, service
