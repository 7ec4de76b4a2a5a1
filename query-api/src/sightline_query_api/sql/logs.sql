-- One page. Records of one instant are told apart by a hash of what they are.
SELECT
    toUnixTimestamp64Nano(Timestamp) AS time, toUnixTimestamp64Nano(ObservedTimestamp) AS observed,
    cityHash64(ServiceName, TraceId, SpanId, Body, SeverityText, SeverityNumber, EventName, ScopeName,
        toString(LogAttributes), toString(ResourceAttributes)) AS hash,
    ServiceName AS service, Severity AS severity, SeverityText AS severity_text, SeverityNumber AS severity_number,
    Body AS body, BodyType AS body_type, EventName AS event_name,
    TraceId AS trace_id, SpanId AS span_id, CorrelationId AS correlation_id, ScopeName AS scope_name, Flags AS flags,
    mapKeys(LogAttributes) AS keys, mapValues(LogAttributes) AS values, LogAttributeTypes AS types,
    mapKeys(ResourceAttributes) AS resource_keys, mapValues(ResourceAttributes) AS resource_values, ResourceAttributeTypes AS resource_types
FROM otel_logs
WHERE Timestamp >= fromUnixTimestamp64Nano({start:Int64}) AND Timestamp < fromUnixTimestamp64Nano({end:Int64}) AND $filters AND $after
ORDER BY Timestamp $order, hash $order
LIMIT {limit:UInt32} OFFSET {seen:UInt32}
