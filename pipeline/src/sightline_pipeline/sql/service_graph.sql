-- The bounds are DateTime64 like the column: against a DateTime, `<` skips parts that begin within its last second.
-- Recomputes the edges of the minutes in [from, to). Of very busy minutes one trace in `sample` is read.
INSERT INTO sightline_edges_1m
SELECT Time, Caller, Callee, Kind, sum(Weight) AS Requests, sumIf(Weight, Failed) AS Errors,
       quantilesDDState(0.01, 0.5, 0.95, 0.99)(Duration) AS DurationQuantiles, now64(3) AS Version
FROM (
    SELECT
        toStartOfMinute(toDateTime(callee.Timestamp)) AS Time,
        caller.ServiceName AS Caller,
        callee.ServiceName AS Callee,
        multiIf(callee.SpanKind = 'Consumer', 'messaging', mapContains(callee.SpanAttributes, 'rpc.system'), 'rpc', 'http') AS Kind,
        callee.AdjustedCount * {sample:UInt32} AS Weight,
        callee.StatusCode = 'Error' AS Failed,
        callee.Duration AS Duration
    FROM otel_traces AS callee
    INNER JOIN (
        SELECT TraceId, SpanId, ServiceName FROM otel_traces
        WHERE Timestamp >= {from:DateTime64(9)} - INTERVAL 10 MINUTE AND Timestamp < {to:DateTime64(9)} + INTERVAL 1 MINUTE
          AND cityHash64(TraceId) % {sample:UInt32} = 0
          AND SpanKind NOT IN ('Server', 'Consumer')
    ) AS caller ON caller.TraceId = callee.TraceId AND caller.SpanId = callee.ParentSpanId
    WHERE callee.SpanKind IN ('Server', 'Consumer')
      AND callee.Timestamp >= {from:DateTime64(9)} AND callee.Timestamp < {to:DateTime64(9)}
      AND cityHash64(callee.TraceId) % {sample:UInt32} = 0
      AND callee.ServiceName != caller.ServiceName
    UNION ALL
    SELECT
        toStartOfMinute(toDateTime(Timestamp)) AS Time,
        ServiceName AS Caller,
        if(mapContains(SpanAttributes, 'db.system.name'), SpanAttributes['db.system.name'], SpanAttributes['db.system']) AS Callee,
        'database' AS Kind,
        AdjustedCount * {sample:UInt32} AS Weight,
        StatusCode = 'Error' AS Failed,
        Duration
    FROM otel_traces
    WHERE SpanKind = 'Client' AND Timestamp >= {from:DateTime64(9)} AND Timestamp < {to:DateTime64(9)}
      AND cityHash64(TraceId) % {sample:UInt32} = 0
      AND (mapContains(SpanAttributes, 'db.system.name') OR mapContains(SpanAttributes, 'db.system'))
)
GROUP BY Time, Caller, Callee, Kind
