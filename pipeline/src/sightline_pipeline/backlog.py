"""What was read from one partition and is not inserted yet."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from sightline_core.wire.names import HEADER_RECORDS
from sightline_pipeline.batch import Batch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sightline_core.bus.protocol import Record


MESSAGE_WEIGHT = 1024
RECORD_WEIGHT = 256


def weight(record: Record) -> int:
    """Return what a message counts for, in bytes: its value, or its records if they are tiny.

    A record costs the engine kilobytes of memory however few bytes it has, and so does a message
    here. Messages that do not say how many records they hold count by their size.
    """
    declared = record.header(HEADER_RECORDS) or b""
    records = int(declared) if len(declared) < 10 and declared.isdigit() else 0
    return max(len(record.value), records * RECORD_WEIGHT) + MESSAGE_WEIGHT


class Backlog:
    """Records in order, cut into batches by weight and age.

    Bounded by its user: a partition whose backlog is `full` is paused.
    """

    def __init__(self, *, max_bytes: int, max_seconds: float) -> None:
        """Cut a batch at `max_bytes`, or when its oldest record has waited `max_seconds`."""
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds
        self._records: deque[tuple[float, int, Record]] = deque()
        self._weight = 0

    @property
    def size(self) -> int:
        """Weight of all messages held, in bytes."""
        return self._weight

    @property
    def full(self) -> bool:
        """Whether a whole batch is waiting."""
        return self._weight >= self._max_bytes

    def add(self, records: Iterable[Record], now: float) -> None:
        """Take records that arrived at `now`, a monotonic time in seconds."""
        for record in records:
            weighed = weight(record)
            self._records.append((now, weighed, record))
            self._weight += weighed

    def seconds_until_due(self, now: float) -> float | None:
        """Return how long the next batch may still wait; None when there is nothing."""
        if not self._records:
            return None
        if self.full:
            return 0.0
        return max(0.0, self._records[0][0] + self._max_seconds - now)

    def take(self) -> Batch:
        """Remove and return the next batch: one message at least, about `max_bytes` at most."""
        taken: list[Record] = []
        heavy = 0
        while self._records and (not taken or heavy + self._records[0][1] <= self._max_bytes):
            _, weighed, record = self._records.popleft()
            taken.append(record)
            heavy += weighed
        self._weight -= heavy
        return Batch(taken)
