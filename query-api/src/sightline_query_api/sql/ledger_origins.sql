-- What arrived of each origin: messages, distinct numbers among them, records.
SELECT
    signal, origin, toInt64(count()) AS messages, toInt64(groupBitmap(Seq)) AS numbers,
    toInt64(min(Seq)) AS first, toInt64(max(Seq)) AS last,
    toInt64(sum(declared)) AS arrived, toInt64(sum(stored)) AS stored, toInt64(sum(quarantined)) AS quarantined,
    toUnixTimestamp64Nano(min(ReceivedAt)) AS first_received, toUnixTimestamp64Nano(max(ReceivedAt)) AS last_received
FROM (
    SELECT
        Signal AS signal, Origin AS origin, Seq, ReceivedAt,
        sum(Stored) AS stored, sum(Quarantined) AS quarantined, if(Records = 0, stored + quarantined, Records) AS declared
    FROM sightline_ledger
    WHERE ReceivedAt >= fromUnixTimestamp64Nano({start:Int64}) AND ReceivedAt < fromUnixTimestamp64Nano({end:Int64}) AND Origin != ''
    GROUP BY signal, origin, Seq, ReceivedAt, Topic, Partition, Offset, Records
)
GROUP BY signal, origin
ORDER BY last_received DESC, signal, origin
