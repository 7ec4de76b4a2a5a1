SELECT
    toUnixTimestamp64Nano(ReceivedAt) AS time, Signal AS signal, Reason AS reason, ServiceName AS service, Name AS name,
    Topic AS topic, Partition AS partition, Offset AS offset, Record AS record
FROM sightline_quarantine
WHERE ReceivedAt >= fromUnixTimestamp64Nano({start:Int64}) AND ReceivedAt < fromUnixTimestamp64Nano({end:Int64})
  AND Signal IN {signals:Array(String)} AND $service
ORDER BY ReceivedAt DESC, topic, partition, offset, cityHash64(Record)
LIMIT {limit:UInt32} OFFSET {seen:UInt32}
