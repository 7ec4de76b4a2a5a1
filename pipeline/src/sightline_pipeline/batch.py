"""Batches: which records go into one insert, and the intent that makes the insert exactly-once.

An intent says, in the metadata of an offset commit, which exact range is about to be inserted.
Whoever finds one replays that range with the same token before anything else (design D4).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from sightline_core.bus.protocol import Committed, Record, TopicPartition
from sightline_core.wire.envelope import delimited, envelope, received_unix_nano

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sightline_core.settings import Settings

INTENT = re.compile(r"insert ([0-9]{1,19})-([0-9]{1,19})")


@dataclass(frozen=True, slots=True)
class AcceptWindow:
    """How far from its arrival a record's own time may lie, in seconds."""

    past_seconds: float
    future_seconds: float

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Return the configured window."""
        return cls(settings.accept_past_seconds, settings.accept_future_seconds)


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive records of one partition; never empty."""

    records: Sequence[Record]

    @property
    def partition(self) -> TopicPartition:
        """Where they come from."""
        return TopicPartition(self.records[0].topic, self.records[0].partition)

    @property
    def first(self) -> int:
        """Offset of the first record."""
        return self.records[0].offset

    @property
    def last(self) -> int:
        """Offset of the last record."""
        return self.records[-1].offset

    @property
    def size(self) -> int:
        """Bytes of all values."""
        return sum(len(record.value) for record in self.records)

    @property
    def token(self) -> str:
        """Equal for every try of this range, different for every other.

        The time tells it from the same range of an earlier topic of that name, whose offsets
        started at 0 too: a bus may be deleted while the store is kept.
        """
        topic, partition = self.partition
        return f"{topic}-{partition}-{self.first}-{self.last}-{self.records[0].timestamp_ms}"

    @property
    def intent(self) -> Committed:
        """What is committed before the insert: nothing is done yet, this range is in doubt."""
        return Committed(self.first, f"insert {self.first}-{self.last}")

    @property
    def done(self) -> Committed:
        """What is committed after the insert."""
        return Committed(self.last + 1)

    def body(self, window: AcceptWindow) -> list[bytes]:
        """Return the length-delimited messages with what the bus knows about each (design D3).

        In pieces, because joining them would copy every byte once more.
        """
        parts: list[bytes] = []
        for record in self.records:
            extra = envelope(
                record,
                accept_past_seconds=window.past_seconds,
                accept_future_seconds=window.future_seconds,
            )
            parts.extend(delimited(record.value, extra))
        return parts

    def received(self, window: AcceptWindow) -> tuple[int, int]:
        """Return when the first and the last of them was accepted, in unix nanoseconds."""
        times = [
            received_unix_nano(
                record,
                accept_past_seconds=window.past_seconds,
                accept_future_seconds=window.future_seconds,
            )
            for record in self.records
        ]
        return min(times), max(times)

    def halves(self) -> tuple[Batch, Batch]:
        """Split a batch of two or more records; the same batch always splits the same way."""
        middle = len(self.records) // 2
        return Batch(self.records[:middle]), Batch(self.records[middle:])


def range_in_doubt(committed: Committed | None) -> tuple[int, int] | None:
    """Return the offsets (first, last) of an intent that was left behind, if there is one.

    Other people's metadata is no intent, nor is one that does not start where the group stands.
    """
    match = INTENT.fullmatch(committed.metadata) if committed else None
    if committed is None or match is None:
        return None
    first, last = int(match[1]), int(match[2])
    return (first, last) if committed.offset == first <= last else None
