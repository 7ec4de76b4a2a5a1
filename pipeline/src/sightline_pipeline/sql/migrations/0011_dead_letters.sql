-- Dead letters: the index of what stands in the dead-letter topics, what was done with each, and who did it.
-- The bytes themselves stay on the bus. All three are read with FINAL: a crash may write a row twice.

CREATE TABLE IF NOT EXISTS sightline_dead_letters {{ on_cluster }} (
    Id String COMMENT 'hash of the original topic, partition, offset and time; a redriven message keeps it',
    Kind LowCardinality(String) COMMENT 'telemetry: ours; application: of a topic in dead_letter_topics',
    Topic LowCardinality(String) COMMENT 'where the message stood',
    Partition UInt32,
    Offset UInt64,
    Timestamp DateTime64(3) COMMENT 'when the bus took it there',
    DlqTopic LowCardinality(String) COMMENT 'where its bytes are',
    DlqPartition UInt32,
    DlqOffset UInt64,
    DlqTimestamp DateTime64(3) COMMENT 'when it was given up, for the last time so far',
    FirstSeen DateTime64(9) COMMENT 'when it was given up for the first time',
    Signal LowCardinality(String) COMMENT 'traces, logs, metrics; empty: of an application',
    Tenant LowCardinality(String),
    Origin LowCardinality(String) COMMENT 'from its headers, with Seq, as in sightline_ledger; empty: none',
    Seq UInt64 COMMENT '0: none',
    Records UInt64 COMMENT 'records that its headers declare; 0: they declare none',
    ReceivedAt DateTime64(9) COMMENT 'when Sightline accepted it; the time on the bus if nobody said',
    ServiceNames Array(LowCardinality(String)) COMMENT 'as far as it can be decoded',
    TraceIds Array(String) COMMENT 'same, hex',
    CorrelationIds Array(String) COMMENT 'same',
    Reason LowCardinality(String) COMMENT 'machine-readable, e.g. engine_32',
    Message String CODEC(ZSTD(1)),
    Exception LowCardinality(String) COMMENT 'class of the error',
    Stage LowCardinality(String) COMMENT 'which step gave up',
    ComponentVersion LowCardinality(String),
    Attempts UInt32 COMMENT 'tries of that step before it gave up',
    Redrives UInt32 COMMENT 'how often it had been sent again by then',
    Fingerprint String COMMENT 'equal for the same error: topic, reason, exception and normalised message',
    Pattern String COMMENT 'the normalised message' CODEC(ZSTD(1)),
    Size UInt64 COMMENT 'bytes of the value',
    Preview String COMMENT 'what can be read of it, secrets masked' CODEC(ZSTD(1)),
    Version UInt64 COMMENT 'the row with the highest counts',
    ExpiresAt DateTime COMMENT 'when the bus may have removed its bytes'
) ENGINE = {{ engine('ReplacingMergeTree') }}(Version)
ORDER BY Id
TTL ExpiresAt;

-- One row for each thing that became of a letter. A letter without rows is dead.
CREATE TABLE IF NOT EXISTS sightline_dead_letter_events {{ on_cluster }} (
    LetterId String,
    Redrives UInt32 COMMENT 'how often it had been sent again, this time included',
    State Enum8('redriven' = 1, 'parked' = 2, 'discarded' = 3) COMMENT 'parked: redriven, and it failed again',
    Time DateTime64(9),
    Actor String COMMENT 'who, as they said',
    Reason String,
    RedriveId String COMMENT 'of sightline_redrives'
) ENGINE = {{ engine('ReplacingMergeTree') }}
ORDER BY (LetterId, Redrives, State)
TTL toDateTime(Time) + INTERVAL 400 DAY
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- What people asked for: redrives and discards, with their progress. Written before the first message is sent.
CREATE TABLE IF NOT EXISTS sightline_redrives {{ on_cluster }} (
    Id String,
    Action Enum8('redrive' = 1, 'discard' = 2),
    State Enum8('running' = 1, 'done' = 2, 'failed' = 3, 'cancelled' = 4),
    CreatedAt DateTime64(9),
    UpdatedAt DateTime64(9),
    Actor String COMMENT 'who asked, as they said',
    Address String COMMENT 'where the request came from',
    Request String COMMENT 'selection, fix and rate as JSON' CODEC(ZSTD(3)),
    Total UInt64 COMMENT 'letters selected at the start',
    Done UInt64,
    Failed UInt64 COMMENT 'could not be sent; they stay as they were',
    Problems Array(String) COMMENT 'the first of them, in words',
    Ends Map(String, UInt64) COMMENT 'topic/partition to its end before the page under way: what came later may be ours',
    Version UInt64
) ENGINE = {{ engine('ReplacingMergeTree') }}(Version)
ORDER BY Id
TTL toDateTime(CreatedAt) + INTERVAL 400 DAY
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Every letter once, with its state now. In the books, dead and parked ones are dead-lettered, redriven ones
-- are on their way again (or stored: the ledger has their Origin and Seq), discarded ones are dropped.
CREATE VIEW IF NOT EXISTS sightline_dead_letters_now {{ on_cluster }} AS
SELECT
    letters.*,
    if(events.State = '', 'dead', events.State) AS State,
    greatest(letters.Redrives, events.Redrives) AS RedrivesNow,
    events.Time AS StateTime
FROM (SELECT * FROM sightline_dead_letters FINAL) AS letters
LEFT JOIN (
    SELECT
        event.LetterId AS LetterId,
        toString(argMax(event.State, (event.Redrives, event.State))) AS State,
        max(event.Redrives) AS Redrives,
        argMax(event.Time, (event.Redrives, event.State)) AS Time
    FROM sightline_dead_letter_events AS event
    GROUP BY LetterId
) AS events ON events.LetterId = letters.Id;
