"""The file of the embedded bus: its lock, its tables, and what is known about it in memory."""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from sightline_core.bus.protocol import Committed, TopicPartition
from sightline_core.errors import BusError, BusFull, BusLocked, BusUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FILE_NAME: Final = "bus.sqlite"
LOCK_NAME: Final = "bus.lock"
SCHEMA_VERSION: Final = 1
OFFSET_BITS: Final = 44
LAST_OFFSET: Final = (1 << OFFSET_BITS) - 1
_PAGE_BYTES: Final = 32 << 10
_CHECKPOINT_BYTES: Final = 32 << 20
_FULL_CODES: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE})
_DAMAGED_CODES: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_ROW_OVERHEAD: Final = 64


@dataclass(slots=True)
class PartitionLog:
    """One partition: what it holds. Changed by the writer thread only, after its commit.

    Attributes:
        start: first offset held (the next one when nothing is held).
        end: the offset that the next message gets.
        held_bytes: what its messages take, with overhead.
    """

    id: int
    name: TopicPartition
    start: int
    end: int
    held_bytes: int = 0

    def row(self, offset: int) -> int:
        """Return the row id of a batch that begins at `offset`."""
        return self.id << OFFSET_BITS | offset


def charged_bytes(stored: int) -> int:
    """Return what a batch counts against the limits."""
    return stored + _ROW_OVERHEAD


@cache
def statements() -> Mapping[str, str]:
    """Return the SQL of the bus by name."""
    text = files("sightline_core.bus").joinpath("statements.sql").read_text("utf-8")
    blocks = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)[1:]
    return {name: sql.strip() for name, sql in zip(blocks[::2], blocks[1::2], strict=True)}


def explain(error: sqlite3.Error, doing: str, path: Path) -> BusError:
    """Return the error of ours for one of SQLite's."""
    code = getattr(error, "sqlite_errorcode", 0)
    if code in _FULL_CODES:
        return BusFull(f"cannot {doing}: the disk takes no more for {path}: {error}")
    if code & 0xFF in _DAMAGED_CODES:
        return BusError(
            f"cannot {doing}: {path} is damaged ({error}); stop Sightline, then restore it from "
            f"a copy, or move {path.name}* away to start with an empty bus"
        )
    return BusUnavailable(f"cannot {doing}: {path}: {error}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what the block writes, durably, or none of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite ends it itself when the disk is full
            connection.execute("ROLLBACK")
        raise


class DirectoryLock:
    """Exclusive ownership of a directory until `release` or the end of the process."""

    def __init__(self, directory: Path) -> None:
        try:
            _make_directory(directory)
            self._file = os.open(
                directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644
            )
        except OSError as error:
            raise BusError(
                f"cannot open the bus in {directory}: {error.strerror}; "
                "choose a data directory that can be written to"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.pread(self._file, 32, 0).decode("ascii", "replace").strip()
            os.close(self._file)
            raise BusLocked(
                f"cannot open the bus in {directory}: process {owner or 'unknown'} has it open; "
                "stop that process or choose another data directory"
            ) from error
        except OSError as error:
            os.close(self._file)
            raise BusError(
                f"cannot open the bus in {directory}: its file system cannot lock: {error.strerror}"
            ) from error
        with suppress(OSError):  # a full disk; the pid is for people, the lock holds without it
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Let others in. The file stays: removing it would race with the next owner."""
        os.close(self._file)


class LogFile:
    """The database, opened for the writer, and the state loaded from it.

    Attributes:
        topics: partitions by topic, in order.
        progress: commits by group and partition.
        subscriptions: groups by topic; retention waits for them.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE_NAME
        self.topics: dict[str, list[PartitionLog]] = {}
        self.progress: dict[tuple[str, TopicPartition], Committed] = {}
        self.subscriptions: dict[str, set[str]] = {}
        try:
            self.connection = self._connect()
            try:
                self._prepare()
                self._load()
            except BaseException:
                self.connection.close()
                raise
        except sqlite3.Error as error:
            raise explain(error, "open the bus", self.path) from error

    @property
    def held_bytes(self) -> int:
        """What all messages take."""
        return sum(log.held_bytes for logs in self.topics.values() for log in logs)

    def connect_reader(self) -> sqlite3.Connection:
        """Return a second connection that cannot write."""
        connection = self._connect()
        connection.execute("PRAGMA query_only = ON")
        return connection

    def _connect(self) -> sqlite3.Connection:
        # One thread at a time uses a connection, but not always the one that made it.
        return sqlite3.connect(self.path, isolation_level=None, timeout=10, check_same_thread=False)

    def _prepare(self) -> None:
        run = self.connection.execute
        run(f"PRAGMA page_size = {_PAGE_BYTES}")
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = FULL")
        run("PRAGMA secure_delete = OFF")
        page_bytes = run("PRAGMA page_size").fetchone()[0]
        run(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_BYTES // page_bytes}")
        run(f"PRAGMA journal_size_limit = {2 * _CHECKPOINT_BYTES}")
        version = run("PRAGMA user_version").fetchone()[0]
        if version not in (0, SCHEMA_VERSION):
            raise BusError(
                f"cannot open the bus: {self.path} has layout {version}, this Sightline knows "
                f"{SCHEMA_VERSION}; use the version that wrote it"
            )
        if version == SCHEMA_VERSION:
            return
        with transaction(self.connection):
            for table in ("log", "batch", "body", "progress", "subscription"):
                run(statements()[f"create_{table}"])
            run(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _load(self) -> None:
        run, sql = self.connection.execute, statements()
        extents = {row[0]: row[1:] for row in run(sql["load_extents"])}
        by_id: dict[int, TopicPartition] = {}
        for log_id, topic, number, start in run(sql["load_logs"]).fetchall():
            log = PartitionLog(log_id, TopicPartition(topic, number), start, start)
            if log_id in extents:
                first, last, held = extents[log_id]
                (messages,) = run(sql["load_messages"], (last,)).fetchone()
                log.start = first & LAST_OFFSET
                log.end = (last & LAST_OFFSET) + messages
                log.held_bytes = held
            self.topics.setdefault(topic, []).append(log)
            by_id[log_id] = log.name
        for group, log_id, offset, metadata in run(sql["load_progress"]):
            self.progress[group, by_id[log_id]] = Committed(offset, metadata)
        for topic, group in run(sql["load_subscriptions"]):
            self.subscriptions.setdefault(topic, set()).add(group)


def _make_directory(directory: Path) -> None:
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    for path in missing:
        _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
