"""The agent's memory: requests that wait to be sent, and how far each file was read, in one file.

Both change in one transaction of one SQLite file, which is synced before `append` returns. A
checkpoint can therefore be neither ahead of its data, which would lose lines, nor behind it, which
would double them, wherever a `kill -9` hits.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import threading
import time
import zlib
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from sightline_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from pathlib import Path

CORRUPT: Final = "corrupt"
TOO_OLD: Final = "too_old"
REJECTED: Final = "rejected"

_TEXT: Final = resources.files("sightline_agent").joinpath("spool.sql").read_text("utf-8")
_NAMED: Final = re.split(r"^-- name: (\w+)\n", _TEXT, flags=re.MULTILINE)[1:]
_SQL: Final = dict(zip(_NAMED[::2], _NAMED[1::2], strict=True))


class SpoolFull(Exception):  # noqa: N818 - a condition that passes
    """There is no room, by limit or on the disk; nothing was written, try again later."""


class Checkpoint(NamedTuple):
    """How far a file was read.

    Attributes:
        device, inode: which file, whatever its name.
        fingerprint: checksum of its first `fingerprint_bytes` bytes: an inode is used again.
        offset: bytes that are in the spool or were sent.
    """

    device: int
    inode: int
    fingerprint: int
    fingerprint_bytes: int
    offset: int


class Entry(NamedTuple):
    """A request in the spool: bytes of an `ExportLogsServiceRequest`."""

    number: int
    records: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class State:
    """What the spool holds and what it gave up, since it was made.

    Attributes:
        dropped: records that were given up, by reason; a record that cannot be read any more
            counts by what was noted of it when it was written.
    """

    entries: int
    records: int
    bytes: int
    accepted: int
    sent: int
    dropped: dict[str, int]


class Spool:
    """Requests in the order in which they came, at most `max_bytes` of them.

    All methods may be called from any thread.
    """

    def __init__(self, path: Path, *, max_bytes: int) -> None:
        """Open the file or make it.

        Raises:
            ConfigError: another agent has it open, or it is damaged as a whole.
        """
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            self._db.executescript(_SQL["schema"])
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise ConfigError(_cannot_open(path, error)) from error

    def __enter__(self) -> Self:
        """Use it until the block ends."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Let another process open it."""
        with self._lock:
            self._db.close()

    def checkpoints(self) -> list[Checkpoint]:
        """Return how far each known file was read."""
        with self._lock:
            rows = self._db.execute(
                "SELECT device, inode, fingerprint, fingerprint_bytes, offset FROM checkpoints"
            )
            return [Checkpoint(*row) for row in rows]

    def append(self, payload: bytes, records: int, checkpoints: Iterable[Checkpoint]) -> None:
        """Keep a request and the checkpoints after it, both or none; synced on return.

        Args:
            payload: what to send; empty if only checkpoints change.
            records: log records in it.
            checkpoints: of the files that it was read from.

        Raises:
            SpoolFull: no room; nothing was kept.
        """
        with self._transaction() as db:
            if payload:
                (held,) = db.execute("SELECT coalesce(sum(size), 0) FROM entries").fetchone()
                if held + len(payload) > self._max_bytes:
                    raise SpoolFull("the spool holds as much as it may")
                db.execute(
                    "INSERT INTO entries (at, records, size, crc, payload) VALUES (?, ?, ?, ?, ?)",
                    (time.time(), records, len(payload), zlib.crc32(payload), payload),
                )
                _count(db, "accepted", records)
            db.executemany("INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?)", checkpoints)

    def forget(self, device: int, inode: int) -> None:
        """Remove the checkpoint of a file that is gone."""
        with self._transaction() as db:
            db.execute("DELETE FROM checkpoints WHERE device = ? AND inode = ?", (device, inode))

    def first(self) -> Entry | None:
        """Return the oldest request that is whole; move damaged ones before it aside."""
        with self._transaction() as db:
            while True:
                row = db.execute(_SQL["oldest"]).fetchone()
                if row is None:
                    return None
                number, records, crc, payload = row
                if zlib.crc32(payload) == crc:
                    return Entry(number, records, payload)
                _set_aside(db, number, CORRUPT)

    def sent(self, entry: Entry, *, rejected: int = 0) -> None:
        """Remove a request that arrived; `rejected` of its records were refused for good."""
        with self._transaction() as db:
            db.execute("DELETE FROM entries WHERE number = ?", (entry.number,))
            _count(db, "sent", entry.records - rejected)
            _count(db, REJECTED, rejected)

    def quarantine(self, entry: Entry) -> None:
        """Move a request aside that nobody will ever take; its records count as rejected."""
        with self._transaction() as db:
            _set_aside(db, entry.number, REJECTED)

    def expire(self, before: float) -> None:
        """Drop, and count, what was appended before this time (seconds since 1970)."""
        with self._transaction() as db:
            for table, reason in (("entries", TOO_OLD), ("quarantine", "")):
                (records,) = db.execute(
                    f"SELECT coalesce(sum(records), 0) FROM {table} WHERE at < ?",  # noqa: S608
                    (before,),
                ).fetchone()
                db.execute(f"DELETE FROM {table} WHERE at < ?", (before,))  # noqa: S608
                if reason:
                    _count(db, reason, records)

    def state(self) -> State:
        """Return what it holds and what it counted."""
        with self._lock:
            held = self._db.execute(
                "SELECT count(*), coalesce(sum(records), 0), coalesce(sum(size), 0) FROM entries"
            ).fetchone()
            counts = dict(self._db.execute("SELECT name, value FROM counters").fetchall())
        accepted, sent = counts.pop("accepted", 0), counts.pop("sent", 0)
        entries, records, size = held
        return State(entries, records, size, accepted, sent, counts)

    @contextlib.contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection]:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except BaseException as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                if isinstance(error, sqlite3.OperationalError):
                    raise SpoolFull(f"the disk takes nothing: {error}") from error
                raise


def _count(db: sqlite3.Connection, name: str, records: int) -> None:
    if records:
        db.execute(_SQL["count"], (name, records))


def _set_aside(db: sqlite3.Connection, number: int, reason: str) -> None:
    (records,) = db.execute("SELECT records FROM entries WHERE number = ?", (number,)).fetchone()
    db.execute(_SQL["set_aside"], (reason, number))
    db.execute("DELETE FROM entries WHERE number = ?", (number,))
    _count(db, reason, records)


def _cannot_open(path: Path, error: sqlite3.DatabaseError) -> str:
    if "locked" in str(error):
        return f"cannot open the spool {path}: another agent has it open; stop that one first"
    return (
        f"cannot open the spool {path}: {error}; move it aside, which gives up what it holds and "
        "reads the files again from their start"
    )
