-- Whether dead letters carry an id that nothing stored has.
SELECT countIf(has(TraceIds, {trace_id:String})) AS of_trace, countIf(has(CorrelationIds, {id:String})) AS carrying
FROM sightline_dead_letters FINAL
WHERE has(TraceIds, {trace_id:String}) OR has(CorrelationIds, {id:String})
