-- The range of time that holds all spans of these traces, in seconds. Comparisons with it must be of
-- DateTime64: with a DateTime, the engine's index takes `Timestamp < 12:00:01` for `<= 12:00:00`.
SELECT toUnixTimestamp(min(Start)) AS first, toUnixTimestamp(max(End)) AS last, sum(Spans) AS spans, count() AS found
FROM otel_traces_trace_id_ts
WHERE TraceId IN {trace_ids:Array(String)}
