SELECT
    SpanId AS span_id, ParentSpanId AS parent_span_id, TraceId AS trace_id, ServiceName AS service, SpanName AS name,
    lower(SpanKind) AS kind, toUnixTimestamp64Nano(Timestamp) AS start_ns, Duration AS duration_ns,
    lower(StatusCode) AS status, StatusMessage AS status_message, TraceState AS trace_state, TraceFlags AS flags,
    mapKeys(SpanAttributes) AS keys, mapValues(SpanAttributes) AS values, SpanAttributeTypes AS types,
    mapKeys(ResourceAttributes) AS resource_keys, mapValues(ResourceAttributes) AS resource_values, ResourceAttributeTypes AS resource_types,
    ResourceSchemaUrl AS resource_schema_url, ResourceDroppedAttributesCount AS resource_dropped,
    ScopeName AS scope_name, ScopeVersion AS scope_version,
    mapKeys(ScopeAttributes) AS scope_keys, mapValues(ScopeAttributes) AS scope_values, ScopeAttributeTypes AS scope_types,
    ScopeSchemaUrl AS scope_schema_url, ScopeDroppedAttributesCount AS scope_dropped,
    arrayMap(t -> toUnixTimestamp64Nano(t), `Events.Timestamp`) AS event_times, `Events.Name` AS event_names,
    arrayMap(a -> mapKeys(a), `Events.Attributes`) AS event_keys, arrayMap(a -> mapValues(a), `Events.Attributes`) AS event_values,
    `Events.AttributeTypes` AS event_types, `Events.DroppedAttributesCount` AS event_dropped,
    `Links.TraceId` AS link_trace_ids, `Links.SpanId` AS link_span_ids, `Links.TraceState` AS link_states,
    arrayMap(a -> mapKeys(a), `Links.Attributes`) AS link_keys, arrayMap(a -> mapValues(a), `Links.Attributes`) AS link_values,
    `Links.AttributeTypes` AS link_types, `Links.DroppedAttributesCount` AS link_dropped, `Links.TraceFlags` AS link_flags,
    DroppedAttributesCount AS dropped_attributes_count, DroppedEventsCount AS dropped_events_count, DroppedLinksCount AS dropped_links_count,
    AdjustedCount AS adjusted_count, Warnings AS warnings, CorrelationId AS correlation_id
FROM otel_traces
WHERE TraceId = {trace_id:String} AND SpanId = {span_id:String}
  AND Timestamp >= toDateTime64({first:UInt32}, 9) AND Timestamp < toDateTime64({last:UInt32} + 1, 9)
ORDER BY Timestamp
LIMIT 1
