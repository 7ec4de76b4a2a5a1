-- How many log records a trace has, and where in time.
SELECT sum(Logs) AS logs, toUnixTimestamp64Nano(min(Start)) AS first, toUnixTimestamp64Nano(max(End)) AS last
FROM sightline_correlations
WHERE Id = {trace_id:String} AND TraceId = {trace_id:String} AND Logs > 0
