-- One page of the letters that a command means, oldest first; without those that it has dealt with.
SELECT
    Id AS id, DlqTopic AS dlq_topic, DlqPartition AS dlq_partition, DlqOffset AS dlq_offset, Topic AS topic,
    Partition AS partition, toUnixTimestamp64Milli(DlqTimestamp) AS time, RedrivesNow AS redrives, State AS state
FROM sightline_dead_letters_now
WHERE $selection
  AND toUnixTimestamp64Nano(toDateTime64(DlqTimestamp, 9)) <= {asked:Int64}
  AND (toUnixTimestamp64Milli(DlqTimestamp), Id) > ({after_time:Int64}, {after_id:String})
  AND Id NOT IN (SELECT LetterId FROM sightline_dead_letter_events WHERE RedriveId = {redrive:String})
ORDER BY DlqTimestamp, Id
LIMIT {limit:UInt32}
