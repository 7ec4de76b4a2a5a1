"""What was read from one partition and is not inserted yet."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from sightline_pipeline.batch import Batch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sightline_core.bus.protocol import Record


class Backlog:
    """Records in order, cut into batches by size and age.

    Bounded by its user: a partition whose backlog is `full` is paused.
    """

    def __init__(self, *, max_bytes: int, max_seconds: float) -> None:
        """Cut a batch at `max_bytes`, or when its oldest record has waited `max_seconds`."""
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds
        self._records: deque[tuple[float, Record]] = deque()
        self._bytes = 0

    @property
    def size(self) -> int:
        """Bytes of all values held."""
        return self._bytes

    @property
    def full(self) -> bool:
        """Whether a whole batch is waiting."""
        return self._bytes >= self._max_bytes

    def add(self, records: Iterable[Record], now: float) -> None:
        """Take records that arrived at `now`, a monotonic time in seconds."""
        for record in records:
            self._records.append((now, record))
            self._bytes += len(record.value)

    def seconds_until_due(self, now: float) -> float | None:
        """Return how long the next batch may still wait; None when there is nothing."""
        if not self._records:
            return None
        if self.full:
            return 0.0
        return max(0.0, self._records[0][0] + self._max_seconds - now)

    def take(self) -> Batch:
        """Remove and return the next batch: one record at least, about `max_bytes` at most."""
        taken: list[Record] = []
        size = 0
        while self._records and (
            not taken or size + len(self._records[0][1].value) <= self._max_bytes
        ):
            record = self._records.popleft()[1]
            taken.append(record)
            size += len(record.value)
        self._bytes -= size
        return Batch(taken)
