-- The traces that an id occurs in; rows without a trace are log records that have none.
SELECT
    TraceId AS trace_id, sum(Spans) AS spans, sum(Logs) AS logs,
    toUnixTimestamp64Nano(min(Start)) AS first, toUnixTimestamp64Nano(max(End)) AS last
FROM sightline_correlations
WHERE Id = {id:String}
GROUP BY trace_id
ORDER BY first, trace_id
LIMIT {limit:UInt32}
