"""The bus on Apache Kafka: `sightline_core.bus.protocol` on aiokafka."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from sightline_core.bus.admission import Partitioner, encode_message
from sightline_core.bus.kafka.cluster import Cluster
from sightline_core.bus.kafka.consumer import KafkaConsumer
from sightline_core.bus.kafka.options import KafkaOptions
from sightline_core.bus.kafka.sender import Sender
from sightline_core.bus.kafka.topics import Topics
from sightline_core.bus.protocol import Lag, Message, Position, Record, TopicPartition
from sightline_core.errors import BusError, BusUnavailable, OffsetOutOfRange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sightline_core.bus.protocol import Committed, RebalanceListener
    from sightline_core.settings import Settings

_FETCH_BYTES: Final = 8 << 20
_PARTITIONS_KNOWN_SECONDS: Final = 5.0


class KafkaBus:
    """Implements `sightline_core.bus.protocol.Bus`; connects when it is first used.

    Made and used inside one running event loop.
    """

    def __init__(self, options: KafkaOptions) -> None:
        """Connect to nothing yet.

        Raises:
            ConfigError: certificates or credentials cannot be used.
        """
        options.client()
        self._cluster = Cluster(options)
        self._topics = Topics(self._cluster)
        self._sender = Sender(options, self._topics)
        self._partitioner = Partitioner()
        self._counts: dict[str, tuple[float, int]] = {}
        self._consumers: set[KafkaConsumer] = set()
        self._sending = 0
        self._sent = asyncio.Event()
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> KafkaBus:
        """Use the settings whose names begin with `kafka_`; errors as the constructor's."""
        return cls(KafkaOptions.from_settings(settings))

    @property
    def max_message_bytes(self) -> int:
        """See `Bus.max_message_bytes`; less when a topic takes less than what is set."""
        return self._topics.max_message_bytes

    async def create_topic(self, topic: str, *, partitions: int) -> None:
        """See `Bus.create_topic`; checks a topic that exists.

        Raises:
            BusError: the cluster forbids it, or the topic is compacted; says what to do.
        """
        self._check_open()
        await self._topics.create(topic, partitions)
        self._counts.pop(topic, None)

    async def partitions(self, topic: str) -> int:
        """See `Bus.partitions`."""
        self._check_open()
        return await self._cluster.partition_count(topic)

    async def send(self, topic: str, message: Message, *, partition: int | None = None) -> Position:
        """See `Bus.send`."""
        self._check_open()
        self._sending += 1
        try:
            encoded = encode_message(topic, message, self._topics.largest_message(topic))
            count = await self._partition_count(topic, asked=partition)
            number = self._partitioner.choose(topic, encoded, count, partition)
            return await self._sender.send(topic, number, message, encoded.size)
        except BusUnavailable:
            self._counts.pop(topic, None)  # perhaps it was deleted
            raise
        finally:
            self._sending -= 1
            if not self._sending:
                self._sent.set()

    def consumer(
        self, group: str, topics: Sequence[str], listener: RebalanceListener | None = None
    ) -> KafkaConsumer:
        """See `Bus.consumer`."""
        self._check_open()
        consumer = KafkaConsumer(self._cluster, group, topics, listener, self._consumers.discard)
        self._consumers.add(consumer)
        return consumer

    async def read(self, partition: TopicPartition, first: int, last: int) -> Sequence[Record]:
        """See `Bus.read`; a compacted topic, or another's transactions, leave holes in it."""
        self._check_open()
        if last < first:
            return []
        start, end = (await self._bounds(partition.topic)).get(partition.partition, (0, 0))
        if not start <= first <= last < end:
            raise OffsetOutOfRange(
                f"cannot read {partition.topic}-{partition.partition} from {first} to {last}: "
                f"it holds {start} to {end - 1}",
                partition=partition,
                nearest=min(max(first, start), end),
            )
        records: list[Record] = []
        at = first
        while at <= last:
            fetched = await self._cluster.records(partition, at, _FETCH_BYTES)
            if not fetched:
                break
            records += [record for record in fetched if record.offset <= last]
            at = fetched[-1].offset + 1
        return records

    async def lag(self, group: str, topic: str) -> Sequence[Lag]:
        """See `Bus.lag`."""
        self._check_open()
        bounds = await self._bounds(topic)
        if not bounds:
            return []
        progress = await self._cluster.committed(group, topic, list(bounds))
        return [
            await self._lag(TopicPartition(topic, number), progress.get(number), first, end)
            for number, (first, end) in sorted(bounds.items())
        ]

    async def close(self) -> None:
        """See `Bus.close`."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        for consumer in list(self._consumers):
            await consumer.abandon()
        while self._sending:
            self._sent.clear()
            await self._sent.wait()
        await self._sender.close()
        await self._cluster.close()

    def _check_open(self) -> None:
        if self._closing is not None:
            raise BusError("cannot use the bus on Kafka: it is closed")

    async def _partition_count(self, topic: str, *, asked: int | None) -> int:
        """Return the number, as it was seconds ago unless that cannot be; make a missing topic."""
        now = asyncio.get_running_loop().time()
        seen, count = self._counts.get(topic, (0.0, 0))
        if count and now - seen < _PARTITIONS_KNOWN_SECONDS and (asked is None or asked < count):
            return count
        count = await self._cluster.partition_count(topic)
        if not count:
            await self._topics.create(topic, 1)
            count = 1
        self._counts[topic] = (now, count)
        return count

    async def _bounds(self, topic: str) -> dict[int, tuple[int, int]]:
        count = await self._cluster.partition_count(topic)
        return dict(await self._cluster.bounds(topic, range(count))) if count else {}

    async def _lag(
        self, partition: TopicPartition, progress: Committed | None, first: int, end: int
    ) -> Lag:
        committed = progress.offset if progress else first
        oldest = None
        if (at := max(committed, first)) < end:
            pending = await self._cluster.records(partition, at, 1)
            oldest = pending[0].timestamp_ms if pending else None
        return Lag(partition.topic, partition.partition, committed, end, oldest)
