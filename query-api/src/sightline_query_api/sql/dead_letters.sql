-- One page of dead letters, those given up last first.
SELECT $columns
FROM sightline_dead_letters_now
WHERE $selection
  AND ({q:String} = '' OR positionCaseInsensitiveUTF8(concat(Message, '\n', Preview, '\n', Reason, '\n', Exception), {q:String}) > 0)
  AND (toUnixTimestamp64Milli(DlqTimestamp), Id) < ({before_time:Int64}, {before_id:String})
ORDER BY DlqTimestamp DESC, Id DESC
LIMIT {limit:UInt32}
