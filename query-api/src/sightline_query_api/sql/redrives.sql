-- What people asked for, the last first; `id` empty: all.
SELECT
    Id AS id, toString(Action) AS action, toString(State) AS state, toUnixTimestamp64Nano(CreatedAt) AS created, toUnixTimestamp64Nano(UpdatedAt) AS updated,
    Actor AS actor, Address AS address, Request AS request, Total AS total, Done AS done, Failed AS failed, Problems AS problems
FROM sightline_redrives FINAL
WHERE ({id:String} = '' OR Id = {id:String}) AND (toUnixTimestamp64Nano(CreatedAt), Id) < ({before_time:Int64}, {before_id:String})
ORDER BY CreatedAt DESC, Id DESC
LIMIT {limit:UInt32}
