-- The embedded bus. Each block is one statement, found by its name; see storage.py.
-- A batch is a run of messages of one partition, written together. Its id is
-- log id << 44 | offset of its first message, so that one b-tree is ordered by log, then offset.
-- Facts about a batch and its bytes are two tables: scans for retention and polling stay small.

-- name: create_log
CREATE TABLE IF NOT EXISTS log (
    id INTEGER PRIMARY KEY,
    topic TEXT NOT NULL,
    number INTEGER NOT NULL,
    start_offset INTEGER NOT NULL DEFAULT 0,
    UNIQUE (topic, number)
) STRICT

-- name: create_batch
CREATE TABLE IF NOT EXISTS batch (
    id INTEGER PRIMARY KEY,
    messages INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    timestamp_ms INTEGER NOT NULL
) STRICT

-- name: create_body
CREATE TABLE IF NOT EXISTS body (
    id INTEGER PRIMARY KEY,
    data BLOB NOT NULL
) STRICT

-- name: create_progress
CREATE TABLE IF NOT EXISTS progress (
    group_name TEXT NOT NULL,
    log_id INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    metadata TEXT NOT NULL,
    PRIMARY KEY (group_name, log_id)
) STRICT, WITHOUT ROWID

-- name: create_subscription
CREATE TABLE IF NOT EXISTS subscription (
    topic TEXT NOT NULL,
    group_name TEXT NOT NULL,
    PRIMARY KEY (topic, group_name)
) STRICT, WITHOUT ROWID

-- name: load_logs
SELECT id, topic, number, start_offset FROM log ORDER BY topic, number

-- name: load_extents
SELECT id >> 44, min(id), max(id), sum(bytes) FROM batch GROUP BY 1

-- name: load_messages
SELECT messages FROM batch WHERE id = ?

-- name: load_progress
SELECT group_name, log_id, next_offset, metadata FROM progress

-- name: load_subscriptions
SELECT topic, group_name FROM subscription

-- name: add_log
INSERT INTO log (id, topic, number) VALUES (?, ?, ?)

-- name: add_batch
INSERT INTO batch (id, messages, bytes, timestamp_ms) VALUES (?, ?, ?, ?)

-- name: add_body
INSERT INTO body (id, data) VALUES (?, ?)

-- name: add_subscription
INSERT OR IGNORE INTO subscription (topic, group_name) VALUES (?, ?)

-- name: set_progress
INSERT INTO progress (group_name, log_id, next_offset, metadata) VALUES (?, ?, ?, ?)
ON CONFLICT (group_name, log_id) DO UPDATE
SET next_offset = excluded.next_offset, metadata = excluded.metadata

-- name: forget_subscriptions
DELETE FROM subscription WHERE group_name = ?

-- name: forget_progress
DELETE FROM progress WHERE group_name = ?

-- name: find_batch
SELECT id, timestamp_ms FROM batch WHERE id <= :id AND id >= :floor ORDER BY id DESC LIMIT 1

-- name: read_batches
-- The caller sorts: ORDER BY out here would copy all the data through a sorter.
SELECT b.id, b.messages, b.timestamp_ms, body.data
FROM (
    SELECT id, messages, timestamp_ms, bytes,
           sum(bytes) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) - bytes AS before
    FROM (
        SELECT id, messages, timestamp_ms, bytes FROM batch
        WHERE id BETWEEN :first AND :last ORDER BY id LIMIT :batches
    )
) AS b
CROSS JOIN body ON body.id = b.id
WHERE b.before = 0 OR b.before + b.bytes <= :bytes

-- name: oldest_batches
SELECT id, messages, bytes, timestamp_ms FROM batch
WHERE id BETWEEN :first AND :last ORDER BY id LIMIT :batches

-- name: remove_batches
DELETE FROM batch WHERE id BETWEEN :first AND :last

-- name: remove_bodies
DELETE FROM body WHERE id BETWEEN :first AND :last

-- name: set_start
UPDATE log SET start_offset = :start WHERE id = :log
