-- Who calls whom, per minute. A caller and its callee arrive in different messages, so no view of one
-- insert sees both: the pipeline recomputes the recent minutes (sql/service_graph.sql), and the newest
-- computation of a minute replaces the older ones. Read with FINAL.

CREATE TABLE IF NOT EXISTS sightline_edges_1m {{ on_cluster }} (
    Time DateTime CODEC(Delta(4), ZSTD(1)),
    Caller LowCardinality(String),
    Callee LowCardinality(String) COMMENT 'a service, or the system of a database',
    Kind LowCardinality(String) COMMENT 'http, rpc, messaging or database',
    Requests Float64 COMMENT 'weighted by adjusted counts',
    Errors Float64,
    DurationQuantiles AggregateFunction(quantilesDD(0.01, 0.5, 0.95, 0.99), UInt64) COMMENT 'nanoseconds, as the callee saw it (databases: as the caller did)',
    Version DateTime64(3)
) ENGINE = {{ engine('ReplacingMergeTree') }}(Version)
PARTITION BY toStartOfWeek(Time)
ORDER BY (Time, Caller, Callee, Kind)
TTL Time + INTERVAL 400 DAY;
