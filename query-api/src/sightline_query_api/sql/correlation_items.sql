-- One page of what belongs to an id, in order of time; items of one instant by a hash of what they are.
SELECT * FROM (
    SELECT 'span' AS kind, toUnixTimestamp64Nano(Timestamp) AS time, sipHash64(TraceId, SpanId) AS hash,
        ServiceName AS service, TraceId AS trace_id, SpanId AS span_id, ParentSpanId AS parent_span_id,
        toString(SpanName) AS text, lower(SpanKind) AS span_kind, lower(StatusCode) AS status, Duration AS duration_ns,
        '' AS severity, '' AS body_type,
        mapKeys(SpanAttributes) AS keys, mapValues(SpanAttributes) AS values, SpanAttributeTypes AS types
    FROM otel_traces WHERE $spans AND Timestamp >= fromUnixTimestamp64Nano({after_time:Int64})
    UNION ALL
    SELECT 'log', toUnixTimestamp64Nano(Timestamp) AS time, cityHash64(ServiceName, TraceId, SpanId, Body, toString(LogAttributes)) AS hash,
        ServiceName, TraceId, SpanId, '', Body, '', '', 0, Severity, BodyType,
        mapKeys(LogAttributes), mapValues(LogAttributes), LogAttributeTypes
    FROM otel_logs WHERE $trace_logs AND Timestamp >= fromUnixTimestamp64Nano({after_time:Int64})
    UNION ALL
    SELECT 'log', toUnixTimestamp64Nano(Timestamp) AS time, cityHash64(ServiceName, TraceId, SpanId, Body, toString(LogAttributes)) AS hash,
        ServiceName, TraceId, SpanId, '', Body, '', '', 0, Severity, BodyType,
        mapKeys(LogAttributes), mapValues(LogAttributes), LogAttributeTypes
    FROM otel_logs WHERE $other_logs AND Timestamp >= fromUnixTimestamp64Nano({after_time:Int64})
    UNION ALL
    SELECT 'dead_letter', toUnixTimestamp64Nano(FirstSeen) AS time, sipHash64(Id) AS hash,
        toString(ServiceNames[1]), TraceIds[1], '', '', Message, '', '', 0, '', '',
        ['dead_letter.id', 'dead_letter.group', 'dead_letter.reason'], [Id, Fingerprint, toString(Reason)], 'sss'
    FROM sightline_dead_letters FINAL WHERE $dead_letters
)
WHERE (time, kind, hash) >= ({after_time:Int64}, {after_kind:String}, {after_hash:UInt64})
ORDER BY time, kind, hash
LIMIT {limit:UInt32} OFFSET {seen:UInt32}
