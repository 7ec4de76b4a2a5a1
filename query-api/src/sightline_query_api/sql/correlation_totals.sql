-- What belongs to an id, per service.
SELECT
    service, countIf(kind = 'span') AS spans, countIf(kind = 'log') AS logs,
    countIf(kind = 'span' AND failed) AS errors, countIf(kind = 'log' AND failed) AS error_logs,
    countIf(kind = 'dead_letter') AS dead_letters, min(time) AS begin, max(finish) AS finish
FROM (
    SELECT 'span' AS kind, ServiceName AS service, StatusCode = 'Error' AS failed, toUnixTimestamp64Nano(Timestamp) AS time,
        time + toInt64(least(Duration, 9223372036854775807 - time)) AS finish
    FROM otel_traces WHERE $spans
    UNION ALL
    SELECT 'log', ServiceName, Severity IN ('error', 'fatal'), toUnixTimestamp64Nano(Timestamp) AS time, time
    FROM otel_logs WHERE $trace_logs
    UNION ALL
    SELECT 'log', ServiceName, Severity IN ('error', 'fatal'), toUnixTimestamp64Nano(Timestamp) AS time, time
    FROM otel_logs WHERE $other_logs
    UNION ALL
    SELECT 'dead_letter', toString(ServiceNames[1]), 1, toUnixTimestamp64Nano(FirstSeen) AS time, time
    FROM sightline_dead_letters FINAL WHERE $dead_letters
)
GROUP BY service
ORDER BY spans + logs DESC, service
