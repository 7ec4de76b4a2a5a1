-- Records that are in the store more than once, because the message that an origin sent under one number
-- stands at several offsets. (One offset is never stored twice: the insert's token sees to that.)
SELECT Signal AS signal, ServiceName AS service, toInt64(sum(Held)) AS records, toInt64(uniqExact(Origin, Seq)) AS messages
FROM (
    SELECT
        Signal, Origin, Seq, ServiceName, Stored + Quarantined AS Held,
        dense_rank() OVER (PARTITION BY Signal, Origin, Seq ORDER BY Topic, Partition, Offset) AS Copy
    FROM sightline_ledger
    WHERE ReceivedAt >= fromUnixTimestamp64Nano({start:Int64}) AND ReceivedAt < fromUnixTimestamp64Nano({end:Int64})
      AND (Signal, Origin) IN (
        SELECT Signal, Origin
        FROM sightline_ledger
        WHERE ReceivedAt >= fromUnixTimestamp64Nano({start:Int64}) AND ReceivedAt < fromUnixTimestamp64Nano({end:Int64})
          AND Origin != '' AND Seq > 0
        GROUP BY Signal, Origin
        HAVING groupBitmap(Seq) < groupBitmap(bitOr(bitShiftLeft(toUInt64(Partition), 48), Offset))
      )
)
WHERE Copy > 1
GROUP BY signal, service
