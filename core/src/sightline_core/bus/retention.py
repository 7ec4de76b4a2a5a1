"""Removes what every group has processed, when it is too old or takes too much room."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from sightline_core.bus.storage import statements, transaction
from sightline_core.wire.names import DLQ_SUFFIX

if TYPE_CHECKING:
    from sightline_core.bus.storage import LogFile, PartitionLog

CHUNK_BYTES: Final = 32 << 20
CHUNK_BATCHES: Final = 512


class Retention:
    """Decides and removes, a bounded chunk at a time, on the writer's thread.

    A batch may go when every group that ever subscribed to its topic has committed past its last
    message. A topic without any group keeps everything: nobody has processed it. Dead letter topics
    (`*.dlq`) are kept for people, not for groups: there, age alone decides, by a limit of its own.

    Of what may go, what is older than its limit goes; and while the bus as a whole holds more
    than `max_bytes`, the oldest goes first.
    """

    def __init__(
        self, file: LogFile, *, max_bytes: int, max_seconds: float, dlq_max_seconds: float
    ) -> None:
        self._file = file
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds
        self._dlq_max_seconds = dlq_max_seconds

    def remove_some(self) -> bool:
        """Remove up to one chunk per partition; say whether anything was removed.

        Raises:
            sqlite3.Error: nothing was removed from the partition at hand.
        """
        logs = [log for logs in self._file.topics.values() for log in logs if log.held_bytes]
        aged = [self._remove_head(log, self._cutoff_ms(log), 0) for log in logs]
        excess = self._file.held_bytes - self._max_bytes
        if excess <= 0:
            return any(aged)
        return self._remove_oldest(logs, excess) or any(aged)

    def _cutoff_ms(self, log: PartitionLog) -> int:
        dead_letters = log.name.topic.endswith(DLQ_SUFFIX)
        seconds = self._dlq_max_seconds if dead_letters else self._max_seconds
        return int((time.time() - seconds) * 1000)

    def _remove_oldest(self, logs: list[PartitionLog], excess: int) -> bool:
        heads = [(row[3], log.id, log) for log in logs if (row := self._head(log)) is not None]
        return any(
            self._remove_head(log, 0, excess)
            for _, _, log in sorted(heads, key=lambda head: head[:2])
            if not log.name.topic.endswith(DLQ_SUFFIX)
        )

    def _head(self, log: PartitionLog) -> tuple[int, int, int, int] | None:
        rows = self._batches(log, 1)
        return rows[0] if rows else None

    def _batches(self, log: PartitionLog, limit: int) -> list[tuple[int, int, int, int]]:
        return self._file.connection.execute(
            statements()["oldest_batches"],
            {"first": log.row(log.start), "last": log.row(self._floor(log)) - 1, "batches": limit},
        ).fetchall()

    def _floor(self, log: PartitionLog) -> int:
        """Return the first offset that somebody still needs."""
        if log.name.topic.endswith(DLQ_SUFFIX):
            return log.end
        groups = self._file.subscriptions.get(log.name.topic)
        if not groups:
            return log.start
        commits = (self._file.progress.get((group, log.name)) for group in groups)
        return min(log.end, *(commit.offset if commit else 0 for commit in commits))

    def _remove_head(self, log: PartitionLog, cutoff_ms: int, excess: int) -> bool:
        """Remove the oldest batches that are older than the cutoff or in excess."""
        floor = self._floor(log)
        start, removed = log.start, 0
        for row, messages, size, timestamp_ms in self._batches(log, CHUNK_BATCHES):
            end = row - log.row(0) + messages
            wanted = timestamp_ms < cutoff_ms or removed < excess
            if end > floor or not wanted or (removed and removed + size > CHUNK_BYTES):
                break
            start, removed = end, removed + size
        if start == log.start:
            return False
        self._remove(log, start)
        log.start = start
        log.held_bytes -= removed
        return True

    def _remove(self, log: PartitionLog, start: int) -> None:
        connection, sql = self._file.connection, statements()
        rows = {"first": log.row(0), "last": log.row(start) - 1}
        with transaction(connection):
            connection.execute(sql["remove_batches"], rows)
            connection.execute(sql["remove_bodies"], rows)
            connection.execute(sql["set_start"], {"start": start, "log": log.id})
