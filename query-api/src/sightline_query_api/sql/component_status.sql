-- Of the last day, the last report of each process, and of each partition the one that reported last and has not left it.
SELECT
    Component AS component, Instance AS instance, Topic AS topic, Partition AS partition, Version AS version,
    State AS state, Reason AS reason, HealthUrl AS health_url, StoreBreaker AS store_breaker, BusBreaker AS bus_breaker,
    LagMessages AS lag_messages, LagSeconds AS lag_seconds, OldestUncommittedSeconds AS oldest_uncommitted_seconds,
    toUnixTimestamp64Nano(toDateTime64(LastStoredReceivedAt, 9)) AS last_stored_received, StoreDelaySeconds AS store_delay_seconds,
    GapsSkipped AS gaps_skipped, DeadLettered AS dead_lettered,
    toUnixTimestamp64Nano(toDateTime64(StartedAt, 9)) AS started, toUnixTimestamp64Nano(toDateTime64(ReportedAt, 9)) AS reported
FROM sightline_component_status FINAL
WHERE ReportedAt > now() - INTERVAL 24 HOUR
ORDER BY Topic = '' DESC, Component, Topic, Partition, State = 'left', ReportedAt DESC
LIMIT 1 BY Component, Topic, Partition, if(Topic = '', Instance, '')
