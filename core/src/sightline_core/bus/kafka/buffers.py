"""Records that were fetched and not yet handed out, partition by partition."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sightline_core.bus.protocol import Record, TopicPartition


class Buffers:
    """Bounded by what one fetch brings: a partition is asked again when its buffer is empty."""

    def __init__(self) -> None:
        self._held: OrderedDict[TopicPartition, deque[Record]] = OrderedDict()
        self._paused: set[TopicPartition] = set()
        self._seen_bytes = 0
        self._seen_records = 0

    @property
    def record_bytes(self) -> int:
        """What a record has taken so far, on average."""
        return self._seen_bytes // self._seen_records if self._seen_records else 64 << 10

    def own(self, partitions: Iterable[TopicPartition]) -> None:
        """Begin anew with these partitions, none of them paused."""
        self._held = OrderedDict((partition, deque()) for partition in sorted(partitions))
        self._paused.clear()

    def pause(self, partition: TopicPartition) -> None:
        """Keep what is held of it and hand nothing out."""
        self._paused.add(partition)

    def resume(self, partition: TopicPartition) -> None:
        """Undo `pause`."""
        self._paused.discard(partition)

    def clear(self, partition: TopicPartition) -> None:
        """Forget what is held of it."""
        self._held[partition].clear()

    def hungry(self) -> list[TopicPartition]:
        """Return the unpaused partitions of which nothing is held."""
        return [
            partition
            for partition, records in self._held.items()
            if not records and partition not in self._paused
        ]

    def unpaused(self) -> list[TopicPartition]:
        """Return the partitions that records are wanted of."""
        return [partition for partition in self._held if partition not in self._paused]

    def add(self, partition: TopicPartition, records: Sequence[Record]) -> None:
        """Keep fetched records; drop those of a partition that is not owned any more."""
        if partition in self._held:
            self._held[partition].extend(records)
            self._seen_records += len(records)
            self._seen_bytes += sum(len(record.value) for record in records)

    def take(self, max_bytes: int) -> dict[TopicPartition, list[Record]]:
        """Hand out records: one at least if there is any, then as many as fit into `max_bytes`.

        The partition that gave first gives last the next time.
        """
        taken: dict[TopicPartition, list[Record]] = {}
        left = max_bytes
        for partition in self.unpaused():
            held = self._held[partition]
            while held and (len(held[0].value) <= left or not taken):
                record = held.popleft()
                left -= len(record.value)
                taken.setdefault(partition, []).append(record)
        if taken:
            self._held.move_to_end(next(iter(taken)))
        return taken
