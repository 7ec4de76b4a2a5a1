-- Whether an insert of these offsets has left anything. Read only after an insert failed.
SELECT count() > 0 AS found
FROM (
    SELECT 1 FROM sightline_ledger
    WHERE Signal = {signal:String} AND Topic = {topic:String} AND Partition = {partition:UInt32}
      AND Offset BETWEEN {first:UInt64} AND {last:UInt64}
      AND ReceivedAt BETWEEN fromUnixTimestamp64Nano({from:Int64}) AND fromUnixTimestamp64Nano({until:Int64})
    LIMIT 1
)
