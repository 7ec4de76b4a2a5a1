-- name: schema
-- One process at a time; a returned commit is on the disk.
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;

-- AUTOINCREMENT: a number is never used again, so order by number is the order of arrival.
CREATE TABLE IF NOT EXISTS entries (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    records INTEGER NOT NULL,
    size INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    payload BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS checkpoints (
    device INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    fingerprint INTEGER NOT NULL,
    fingerprint_bytes INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    PRIMARY KEY (device, inode)
);
CREATE TABLE IF NOT EXISTS quarantine (
    at REAL NOT NULL,
    records INTEGER NOT NULL,
    reason TEXT NOT NULL,
    payload BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);

-- name: oldest
-- A damaged type is damage, too: the checksum is to say so, not the driver.
SELECT number, records, crc, CAST(payload AS BLOB) FROM entries ORDER BY number LIMIT 1;

-- name: count
INSERT INTO counters VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET value = value + excluded.value;

-- name: set_aside
INSERT INTO quarantine SELECT at, records, ?, payload FROM entries WHERE number = ?;
