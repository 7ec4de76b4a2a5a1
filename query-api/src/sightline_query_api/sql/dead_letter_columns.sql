Id AS id, Kind AS kind, State AS state, toUnixTimestamp64Nano(StateTime) AS state_time,
    Topic AS topic, Partition AS partition, Offset AS offset, toUnixTimestamp64Milli(Timestamp) AS timestamp,
    DlqTopic AS dlq_topic, DlqPartition AS dlq_partition, DlqOffset AS dlq_offset, toUnixTimestamp64Milli(DlqTimestamp) AS last_seen,
    toUnixTimestamp64Nano(FirstSeen) AS first_seen, Signal AS signal, Tenant AS tenant, Origin AS origin, Seq AS seq, Records AS records,
    ServiceNames AS services, TraceIds AS trace_ids, CorrelationIds AS correlation_ids, Reason AS reason, Message AS message,
    Exception AS exception, Stage AS stage, ComponentVersion AS component_version, Attempts AS attempts, RedrivesNow AS redrives,
    Fingerprint AS fingerprint, Pattern AS pattern, Size AS size, Preview AS preview
