-- Where in time the log records of these traces are.
SELECT toUnixTimestamp64Nano(min(Start)) AS first, toUnixTimestamp64Nano(max(End)) AS last, sum(Logs) AS logs
FROM sightline_correlations
WHERE Id IN {trace_ids:Array(String)} AND Id = TraceId AND Logs > 0
