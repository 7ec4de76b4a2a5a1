-- What belongs to an id, per service.
SELECT
    service, countIf(kind = 'span') AS spans, countIf(kind = 'log') AS logs,
    countIf(kind = 'span' AND failed) AS errors, countIf(kind = 'log' AND failed) AS error_logs,
    min(time) AS begin, max(finish) AS finish
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
)
GROUP BY service
ORDER BY spans + logs DESC, service
