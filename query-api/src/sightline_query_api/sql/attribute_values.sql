SELECT value, count() AS count
FROM (
    SELECT $column AS value
    FROM $table
    WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64}) AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
        AND length(value) <= {longest:UInt32} AND startsWith(lower(value), lower({prefix:String})) AND $filters
    LIMIT {sample:UInt32}
)
GROUP BY value
ORDER BY count DESC, value
LIMIT {limit:UInt32}
SETTINGS max_execution_time = 2, timeout_overflow_mode = 'break'
