SELECT
    intDiv(toUnixTimestamp64Nano(Timestamp), {step:Int64} * 1000000000) * {step:Int64} AS time, Severity AS severity, count() AS logs
FROM otel_logs
WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64}) AND Timestamp < fromUnixTimestamp64Nano({end:Int64}) AND $filters
GROUP BY time, severity
