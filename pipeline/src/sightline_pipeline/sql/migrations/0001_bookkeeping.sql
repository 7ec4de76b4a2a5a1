-- What the books are kept in: one row per message and service, and the rows that were not storable.

CREATE TABLE IF NOT EXISTS sightline_ledger {{ on_cluster }} (
    ReceivedAt DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    Signal LowCardinality(String),
    Tenant LowCardinality(String),
    ServiceName LowCardinality(String),
    Origin LowCardinality(String),
    Seq UInt64 CODEC(Delta(8), ZSTD(1)),
    Topic LowCardinality(String),
    Partition UInt32,
    Offset UInt64 CODEC(Delta(8), ZSTD(1)),
    Records UInt64 COMMENT 'records that the message declared; 0: it declared none',
    Bytes UInt64 COMMENT 'size of the whole message',
    Stored UInt64 COMMENT 'records of this service in this message that were stored',
    Quarantined UInt64 COMMENT 'records of this service in this message that went to quarantine'
) ENGINE = {{ engine('MergeTree') }}
PARTITION BY toDate(ReceivedAt)
ORDER BY (Signal, Topic, Partition, Offset, ServiceName)
TTL toDateTime(ReceivedAt) + INTERVAL {{ retention_days }} DAY
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728, ttl_only_drop_parts = 1;

CREATE TABLE IF NOT EXISTS sightline_quarantine {{ on_cluster }} (
    ReceivedAt DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    Signal LowCardinality(String),
    Reason LowCardinality(String),
    Tenant LowCardinality(String),
    ServiceName LowCardinality(String),
    Name String COMMENT 'span name, log body or metric name',
    Topic LowCardinality(String),
    Partition UInt32,
    Offset UInt64,
    Record String COMMENT 'the record as JSON, ids in hex, times in unix nanoseconds' CODEC(ZSTD(3))
) ENGINE = {{ engine('MergeTree') }}
PARTITION BY toDate(ReceivedAt)
ORDER BY (Signal, Reason, ServiceName, ReceivedAt)
TTL toDateTime(ReceivedAt) + INTERVAL {{ retention_days }} DAY
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728, ttl_only_drop_parts = 1;

-- Every time span that an id occurs in, so that a lookup by id alone reads little of the big tables.
CREATE TABLE IF NOT EXISTS sightline_correlations {{ on_cluster }} (
    Id String COMMENT 'a correlation id; for logs also the trace id' CODEC(ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    Start SimpleAggregateFunction(min, DateTime64(9)),
    End SimpleAggregateFunction(max, DateTime64(9)),
    Spans SimpleAggregateFunction(sum, UInt64),
    Logs SimpleAggregateFunction(sum, UInt64)
) ENGINE = {{ engine('AggregatingMergeTree') }}
PARTITION BY toStartOfWeek(Start)
ORDER BY (Id, TraceId)
TTL toDateTime(End) + INTERVAL {{ retention_days }} DAY
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728;

-- Which attribute keys there are, for completion; read instead of the raw rows.
CREATE TABLE IF NOT EXISTS sightline_attribute_keys {{ on_cluster }} (
    Day Date,
    Signal LowCardinality(String),
    Scope LowCardinality(String) COMMENT 'resource, scope or record',
    ServiceName LowCardinality(String),
    Key LowCardinality(String),
    Types SimpleAggregateFunction(groupUniqArrayArray, Array(String)) COMMENT 'type letters: s i b d a k x n',
    Count SimpleAggregateFunction(sum, UInt64) COMMENT 'batches that had it; shows what is common'
) ENGINE = {{ engine('AggregatingMergeTree') }}
PARTITION BY toStartOfMonth(Day)
ORDER BY (Signal, Day, Key, Scope, ServiceName)
TTL Day + INTERVAL {{ retention_days }} DAY
SETTINGS non_replicated_deduplication_window = 10000, min_bytes_for_wide_part = 134217728;
