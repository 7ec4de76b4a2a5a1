-- What the processes say about themselves, and what a person told them. Docs: docs/pipeline.md.

-- The last report of each process: one row per partition that a pipeline owns, one row with Topic ''
-- for the process as a whole (collector and API report only that one). A report comes every ten
-- seconds; one older than a minute is of a process that is gone. Read with FINAL; of several
-- instances with a row for one partition, the one that reported last owns it (State is not 'left').
CREATE TABLE IF NOT EXISTS sightline_component_status {{ on_cluster }} (
    ReportedAt DateTime64(3),
    Component LowCardinality(String) COMMENT 'pipeline, collector or api',
    Instance String COMMENT 'one per process start: host, process id, start time',
    Topic LowCardinality(String) COMMENT 'empty: the process as a whole',
    Partition UInt32,
    Version LowCardinality(String),
    StartedAt DateTime64(3),
    HealthUrl String COMMENT 'where it answers /healthz, /readyz and /metrics; empty: nowhere',
    State LowCardinality(String) COMMENT 'running, held (waits for store or bus), paused (waits for a person), left (stopped, or given to another process)',
    Reason String COMMENT 'why it is held or paused, in words; empty when it runs',
    PausedReason LowCardinality(String) COMMENT 'flood or operator; empty when not paused',
    StoreBreaker LowCardinality(String) COMMENT 'closed, open or half_open',
    BusBreaker LowCardinality(String) COMMENT 'same',
    LagMessages UInt64 COMMENT 'messages on the bus that are not committed yet',
    LagSeconds Float64 COMMENT 'age of the first of them, by the bus''s time; 0: there is none',
    OldestUncommittedSeconds Float64 COMMENT 'how long this process has had the oldest message that it has read and not committed; 0: none',
    LastStoredReceivedAt DateTime64(3) COMMENT 'when the newest message of the last stored batch was accepted by Sightline; 1970: none was stored since the start. Freshness is now minus this',
    StoreDelaySeconds Float64 COMMENT 'from that moment until its batch was stored',
    InsertsInFlight UInt32,
    Messages UInt64 COMMENT 'stored since the start of the process; so are the counters below',
    Bytes UInt64,
    Retries UInt64 COMMENT 'inserts that failed and were tried again',
    ReplayedBatches UInt64 COMMENT 'found in doubt and inserted again with their token',
    GapsSkipped UInt64 COMMENT 'ranges that the bus no longer held; each is a row of sightline_gaps',
    DeadLettered UInt64
) ENGINE = {{ engine('ReplacingMergeTree') }}(ReportedAt)
ORDER BY (Component, Instance, Topic, Partition)
TTL toDateTime(ReportedAt) + INTERVAL 168 HOUR;

-- Offsets that the pipeline had to skip because the bus no longer held them: data that is lost.
CREATE TABLE IF NOT EXISTS sightline_gaps {{ on_cluster }} (
    SkippedAt DateTime64(3),
    Topic LowCardinality(String),
    Partition UInt32,
    FirstOffset UInt64,
    LastOffset UInt64,
    Reason LowCardinality(String) COMMENT 'expired: gone before it was read; in_doubt: gone after an insert of unknown outcome, so it may be stored'
) ENGINE = {{ engine('ReplacingMergeTree') }}(SkippedAt)
ORDER BY (Topic, Partition, FirstOffset, LastOffset)
TTL toDateTime(SkippedAt) + INTERVAL {{ retention_days }} DAY;

-- Whether a partition shall run; the last row of a partition counts, none means that it shall. The
-- pipeline writes `paused` when a flood of invalid messages comes, a person writes either.
CREATE TABLE IF NOT EXISTS sightline_partition_orders {{ on_cluster }} (
    OrderedAt DateTime64(6),
    Topic LowCardinality(String),
    Partition UInt32,
    Paused Bool,
    Reason LowCardinality(String) COMMENT 'flood or operator',
    Detail String COMMENT 'what was seen, or what the person said',
    OrderedBy String
) ENGINE = {{ engine('MergeTree') }}
ORDER BY (Topic, Partition, OrderedAt)
TTL toDateTime(OrderedAt) + INTERVAL 400 DAY;
