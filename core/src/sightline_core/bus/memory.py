"""The bus in memory: for tests of components. Keeps everything until it is closed, then nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sightline_core.bus.admission import (
    Partitioner,
    check_topic,
    encode_message,
    largest_message,
)
from sightline_core.bus.groups import GroupConsumer, GroupCoordinator
from sightline_core.bus.protocol import Committed, Lag, Message, Position, Record, TopicPartition
from sightline_core.bus.pulse import Pulse
from sightline_core.errors import BusError, OffsetOutOfRange

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sightline_core.bus.protocol import RebalanceListener


class MemoryBus:
    """Implements `sightline_core.bus.protocol.Bus` but for durability; unbounded."""

    def __init__(self, *, max_message_bytes: int = 8 << 20, max_poll_seconds: float = 300) -> None:
        self._max_message_bytes = max_message_bytes
        self._topics: dict[str, list[list[Record]]] = {}
        self._progress: dict[tuple[str, TopicPartition], Committed] = {}
        self._partitioner = Partitioner()
        self._pulse = Pulse()
        self._groups = GroupCoordinator(self, max_poll_seconds)
        self._closed = False

    @property
    def max_message_bytes(self) -> int:
        """See `Bus.max_message_bytes`."""
        return self._max_message_bytes

    async def create_topic(self, topic: str, *, partitions: int) -> None:
        """See `Bus.create_topic`; refuses what the embedded bus refuses."""
        self.check_open()
        check_topic(topic, partitions)
        logs = self._topics.setdefault(topic, [])
        if partitions > len(logs):
            logs.extend([] for _ in range(partitions - len(logs)))
            self._groups.topics_changed()

    async def partitions(self, topic: str) -> int:
        """See `Bus.partitions`."""
        self.check_open()
        return self.partition_count(topic)

    async def send(self, topic: str, message: Message, *, partition: int | None = None) -> Position:
        """See `Bus.send`."""
        self.check_open()
        encoded = encode_message(topic, message, largest_message(topic, self._max_message_bytes))
        if topic not in self._topics:
            await self.create_topic(topic, partitions=1)
        logs = self._topics[topic]
        number = self._partitioner.choose(topic, encoded, len(logs), partition)
        log = logs[number]
        log.append(
            Record(
                topic=topic,
                partition=number,
                offset=len(log),
                timestamp_ms=time.time_ns() // 1_000_000,
                value=message.value,
                key=message.key,
                headers=message.headers,
            )
        )
        self._pulse.beat()
        return Position(topic, number, len(log) - 1)

    def consumer(
        self, group: str, topics: Sequence[str], listener: RebalanceListener | None = None
    ) -> GroupConsumer:
        """See `Bus.consumer`."""
        return self._groups.consumer(group, topics, listener)

    async def read(self, partition: TopicPartition, first: int, last: int) -> Sequence[Record]:
        """See `Bus.read`."""
        self.check_open()
        end = self.bounds(partition)[1]
        if first <= last and not 0 <= first <= last < end:
            raise OffsetOutOfRange(
                f"cannot read {partition.topic}-{partition.partition} from {first} to {last}: "
                f"it holds 0 to {end - 1}"
            )
        return self._log(partition)[first : last + 1]

    async def lag(self, group: str, topic: str) -> Sequence[Lag]:
        """See `Bus.lag`."""
        self.check_open()
        return [
            self._lag(group, TopicPartition(topic, n)) for n in range(self.partition_count(topic))
        ]

    async def forget_group(self, group: str) -> None:
        """Forget the group's progress, as `EmbeddedBus.forget_group` does."""
        self.check_open()
        self._groups.check_abandoned(group)
        self._progress = {key: held for key, held in self._progress.items() if key[0] != group}

    async def close(self) -> None:
        """See `Bus.close`."""
        self._closed = True
        self._pulse.beat()

    # What consumer groups need: sightline_core.bus.groups.PartitionedLog

    @property
    def pulse(self) -> Pulse:
        """Beats when there is something new."""
        return self._pulse

    def check_open(self) -> None:
        """Raise `BusError` after `close`."""
        if self._closed:
            raise BusError("cannot use the bus in memory: it is closed")

    def partition_count(self, topic: str) -> int:
        """Return 0 for an unknown topic."""
        return len(self._topics.get(topic, ()))

    def bounds(self, partition: TopicPartition) -> tuple[int, int]:
        """Return 0 and the next offset to come."""
        return 0, len(self._log(partition))

    async def fetch(
        self, partition: TopicPartition, first: int, max_bytes: int
    ) -> Sequence[Record]:
        """Return records from `first` on: one, and more while their bytes stay in `max_bytes`."""
        records: list[Record] = []
        for record in self._log(partition)[first:]:
            max_bytes -= len(record.value)
            if max_bytes < 0 and records:
                break
            records.append(record)
        return records

    def stored(self, group: str, partition: TopicPartition) -> Committed | None:
        """Return a group's progress."""
        return self._progress.get((group, partition))

    async def store(self, group: str, offsets: Mapping[TopicPartition, Committed]) -> None:
        """Keep a group's progress."""
        self._progress.update({(group, key): value for key, value in offsets.items()})

    async def subscribe(self, group: str, topics: Sequence[str]) -> None:
        """Do nothing: nothing is ever removed."""

    def _log(self, partition: TopicPartition) -> list[Record]:
        logs = self._topics.get(partition.topic, [])
        return logs[partition.partition] if partition.partition < len(logs) else []

    def _lag(self, group: str, partition: TopicPartition) -> Lag:
        log = self._log(partition)
        committed = self._progress.get((group, partition), Committed(0)).offset
        oldest = log[committed].timestamp_ms if committed < len(log) else None
        return Lag(partition.topic, partition.partition, committed, len(log), oldest)
