-- Messages missing from the sequences of their origins, between the first and the last that arrived.
SELECT signal, toInt64(sum(last - first + 1 - messages)) AS gaps
FROM (
    SELECT Signal AS signal, Origin, min(Seq) AS first, max(Seq) AS last, uniqExact(Seq) AS messages
    FROM sightline_ledger
    WHERE ReceivedAt >= fromUnixTimestamp64Nano({start:Int64}) AND ReceivedAt < fromUnixTimestamp64Nano({end:Int64})
      AND Origin != '' AND Seq > 0
    GROUP BY signal, Origin
)
GROUP BY signal
