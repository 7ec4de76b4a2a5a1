-- The time of the last record of a page; reads in the order of the table and little else.
SELECT toUnixTimestamp64Nano(Timestamp) AS time
FROM otel_logs
WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64}) AND Timestamp < fromUnixTimestamp64Nano({end:Int64}) AND $filters
ORDER BY toStartOfFiveMinutes(Timestamp) $order, Timestamp $order
LIMIT 1 OFFSET {limit:UInt32}
