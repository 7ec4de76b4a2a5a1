SELECT toString(State) AS state, toUnixTimestamp64Nano(Time) AS time, Actor AS actor, Reason AS reason, RedriveId AS redrive_id, Redrives AS redrives
FROM sightline_dead_letter_events FINAL
WHERE LetterId = {id:String}
ORDER BY Redrives, State
LIMIT 1000
