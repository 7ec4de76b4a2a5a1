-- Whole minutes from the roll-up, the cut ones at both ends from the records.
SELECT intDiv(time, {step:Int64}) * {step:Int64} AS time, severity, sum(logs) AS logs
FROM (
    SELECT toInt64(toUnixTimestamp(Time)) AS time, Severity AS severity, sum(Logs) AS logs
    FROM sightline_log_counts_1m
    WHERE Time >= toDateTime({first_minute:UInt32}) AND Time < toDateTime({last_minute:UInt32}) AND $filters
    GROUP BY time, severity
    UNION ALL
    SELECT toInt64(toUnixTimestamp(toDateTime(Timestamp))) AS time, Severity AS severity, count() AS logs
    FROM otel_logs
    WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64}) AND Timestamp < fromUnixTimestamp64Nano({end:Int64})
      AND (Timestamp < toDateTime64({first_minute:UInt32}, 9) OR Timestamp >= toDateTime64({last_minute:UInt32}, 9)) AND $filters
    GROUP BY time, severity
)
GROUP BY time, severity
