"""What was read from one partition and is not inserted yet."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from sightline_core.wire.names import HEADER_RECORDS, Signal
from sightline_core.wire.schema import count, schema
from sightline_pipeline.batch import Batch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sightline_core.bus.protocol import Record


MESSAGE_WEIGHT = 1024
RECORD_WEIGHT = 256
PARSED_RECORDS = 100_000
"""Messages that may hold more are not parsed to count them; alone in a batch they do no harm."""
# First bytes that the tag of a record can have: field 2 of its scope, or field 1 of its metric;
# the second of each is how a needlessly long encoding of it begins.
RECORD_TAGS = {
    Signal.TRACES: (b"\x12", b"\x92"),
    Signal.LOGS: (b"\x12", b"\x92"),
    Signal.METRICS: (b"\x0a", b"\x8a"),
}


def weight(record: Record, signal: Signal) -> int:
    """Return what a message counts for, in bytes: its value, or its records if they are tiny.

    A record costs the engine kilobytes of memory however few bytes it has, and so does a message
    here.
    """
    declared = record.header(HEADER_RECORDS) or b""
    if len(declared) < 10 and declared.isdigit():
        records = int(declared)
    else:
        records = estimate_records(record.value, signal)
    return max(len(record.value), records * RECORD_WEIGHT) + MESSAGE_WEIGHT


def estimate_records(value: bytes, signal: Signal) -> int:
    """Return how many records a message holds that does not say so, or an upper bound.

    Every record begins with the tag of its field, so that there are no more records than bytes of
    that value; attributes have it too. Where this bound is what would decide, the message is parsed
    in C and counted, unless that could take much memory.
    """
    bound = sum(value.count(tag) for tag in RECORD_TAGS[signal])
    if bound * RECORD_WEIGHT <= len(value) or bound > PARSED_RECORDS:
        return bound
    try:
        return count(signal, schema(signal).request.FromString(value))
    except DecodeError:
        return bound


class Backlog:
    """Records in order, cut into batches by weight and age.

    Bounded by its user: a partition whose backlog is `full` is paused.
    """

    def __init__(self, signal: Signal, *, max_bytes: int, max_seconds: float) -> None:
        """Cut a batch at `max_bytes`, or when its oldest record has waited `max_seconds`."""
        self._signal = signal
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds
        self._records: deque[tuple[float, int, Record]] = deque()
        self._weight = 0

    @property
    def size(self) -> int:
        """Weight of all messages held, in bytes."""
        return self._weight

    @property
    def oldest(self) -> float | None:
        """Monotonic time at which the oldest message arrived; None: there is none."""
        return self._records[0][0] if self._records else None

    @property
    def full(self) -> bool:
        """Whether a whole batch is waiting."""
        return self._weight >= self._max_bytes

    def add(self, records: Iterable[Record], now: float) -> None:
        """Take records that arrived at `now`, a monotonic time in seconds."""
        for record in records:
            weighed = weight(record, self._signal)
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
