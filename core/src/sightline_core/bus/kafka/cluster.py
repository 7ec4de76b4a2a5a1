"""Questions to a Kafka cluster that need no membership: where logs begin and end, what they hold.

Each answer is asked for anew, so that it is right after an election; none of it is on the hot path.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, TypeVar

from aiokafka import errors
from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.record.memory_records import MemoryRecords

from sightline_core.bus.kafka.connecting import connect
from sightline_core.bus.kafka.failures import FAILURES, as_bus_error
from sightline_core.bus.protocol import Committed, Record, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from sightline_core.bus.kafka.options import KafkaOptions

Answer = TypeVar("Answer")
_EARLIEST: Final = -2
_LATEST: Final = -1
_READ_UNCOMMITTED: Final = 0
_FIRST_PAUSE_SECONDS: Final = 0.05
_LONGEST_PAUSE_SECONDS: Final = 1.0
_PASSING: Final = (
    errors.UnknownTopicOrPartitionError,
    errors.NotLeaderForPartitionError,
    errors.LeaderNotAvailableError,
    errors.GroupCoordinatorNotAvailableError,
    errors.NotCoordinatorForGroupError,
    errors.GroupLoadInProgressError,
    errors.NotControllerError,
    errors.NodeNotReadyError,
    errors.KafkaConnectionError,
    ConnectionError,
    errors.RequestTimedOutError,
    errors.StaleMetadata,
)


class Cluster:
    """One client of the cluster, connected when it is first asked, and anew after a failure."""

    def __init__(self, options: KafkaOptions) -> None:
        self._options = options
        self._client: AIOKafkaClient | None = None
        self._connecting = asyncio.Lock()

    @property
    def options(self) -> KafkaOptions:
        """How the cluster is reached."""
        return self._options

    async def ask(
        self, doing: str, question: Callable[[AIOKafkaClient], Awaitable[Answer]]
    ) -> Answer:
        """Ask until there is an answer, for `request_timeout_seconds` at most.

        Args:
            doing: completes "cannot …" in the error.
            question: asked again after errors that may pass.

        Raises:
            BusUnavailable, BusError: as `as_bus_error` says.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._options.request_timeout_seconds
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                client = await self._connected()
                async with asyncio.timeout_at(deadline):
                    return await question(client)
            except FAILURES as error:
                if not isinstance(error, errors.BrokerResponseError):
                    await self.close()
                if loop.time() + pause > deadline or not isinstance(error, _PASSING):
                    raise as_bus_error(error, doing) from error
            except NotImplementedError as error:  # aiokafka: no protocol version in common
                raise as_bus_error(errors.IncompatibleBrokerVersion(str(error)), doing) from error
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def partition_count(self, topic: str) -> int:
        """Return how many partitions the topic has; 0: there is none. Never creates it."""

        async def question(client: AIOKafkaClient) -> int:
            try:
                return len(await _leaders(client, topic))
            except (errors.UnknownTopicOrPartitionError, errors.InvalidTopicError):
                return 0

        return await self.ask(f"look up topic {topic}", question)

    async def bounds(self, topic: str, partitions: Sequence[int]) -> Mapping[int, tuple[int, int]]:
        """Return the first offset held and the next one to come, by partition."""

        async def question(client: AIOKafkaClient) -> Mapping[int, tuple[int, int]]:
            leaders = await _leaders(client, topic)
            first = await _offsets(client, topic, leaders, partitions, _EARLIEST)
            end = await _offsets(client, topic, leaders, partitions, _LATEST)
            return {partition: (first[partition], end[partition]) for partition in partitions}

        return await self.ask(f"look up the offsets of {topic}", question)

    async def committed(
        self, group: str, topic: str, partitions: Sequence[int]
    ) -> Mapping[int, Committed]:
        """Return a group's progress by partition, where there is some."""

        async def question(client: AIOKafkaClient) -> Mapping[int, Committed]:
            node = await client.coordinator_lookup(CoordinationType.GROUP, group)
            request = OffsetFetchRequest(group, [(topic, list(partitions))])
            response = await client.send(node, request)
            # A coordinator that is still loading says so here, and lists no partition at all.
            _check(getattr(response, "error_code", 0))
            found = {}
            for _, rows in response.topics:
                for partition, offset, metadata, code in rows:
                    _check(code)
                    if offset >= 0:
                        found[partition] = Committed(offset, metadata or "")
            return found

        return await self.ask(f"look up the progress of {group} in {topic}", question)

    async def records(
        self, partition: TopicPartition, first: int, max_bytes: int
    ) -> Sequence[Record]:
        """Return records from `first` on: at least one, unless the log ends there.

        Raises:
            BusError: `first` is not held (Kafka's error says so).
        """
        topic, number = partition

        async def question(client: AIOKafkaClient) -> Sequence[Record]:
            leaders = await _leaders(client, topic)
            request = FetchRequest(
                0, 0, max_bytes, _READ_UNCOMMITTED, [(topic, [(number, first, max_bytes)])]
            )
            response = await client.send(_leader_of(leaders, number), request)
            ((_, ((_, code, *_, data),)),) = response.topics
            _check(code)
            return [record for record in _decode(partition, data) if record.offset >= first]

        return await self.ask(f"read {topic}-{number} from {first}", question)

    async def close(self) -> None:
        """Drop the connections; the next question makes new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _connected(self) -> AIOKafkaClient:
        async with self._connecting:
            if self._client is None:
                client = AIOKafkaClient(**self._options.client())
                try:
                    await connect(client.bootstrap(), self._options)
                except BaseException:
                    await client.close()
                    raise
                self._client = client
            return self._client


async def _leaders(client: AIOKafkaClient, topic: str) -> Mapping[int, int]:
    """Return the node that leads each partition."""
    node = client.get_random_node()
    response = await client.send(node, MetadataRequest([topic], allow_auto_topic_creation=False))
    client.cluster.update_metadata(response)
    ((code, _, _, partitions),) = response.topics
    _check(code)
    return {number: leader for _, number, leader, *_ in partitions}


async def _offsets(
    client: AIOKafkaClient,
    topic: str,
    leaders: Mapping[int, int],
    partitions: Sequence[int],
    which: int,
) -> Mapping[int, int]:
    by_node: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for partition in partitions:
        by_node[_leader_of(leaders, partition)].append((partition, which))
    found = {}
    for node, wanted in by_node.items():
        response = await client.send(node, OffsetRequest(-1, _READ_UNCOMMITTED, [(topic, wanted)]))
        for _, rows in response.topics:
            for partition, code, *_, offset in rows:
                _check(code)
                found[partition] = offset
    return found


def _leader_of(leaders: Mapping[int, int], partition: int) -> int:
    leader = leaders.get(partition)
    if leader is None:
        raise errors.UnknownTopicOrPartitionError
    if leader < 0:
        raise errors.LeaderNotAvailableError
    return leader


def _check(code: int) -> None:
    error = errors.for_code(code)
    if error is not errors.NoError:
        raise error


def _decode(partition: TopicPartition, data: bytes) -> Iterator[Record]:
    batches = MemoryRecords(data)
    while batches.has_next():
        batch = batches.next_batch()
        if not batch.is_control_batch:
            for found in batch:
                yield as_record(partition, found)


def as_record(partition: TopicPartition, found: Any) -> Record:
    """Return the bus's record for one of aiokafka's; a tombstone reads as an empty value."""
    return Record(
        topic=partition.topic,
        partition=partition.partition,
        offset=found.offset,
        timestamp_ms=found.timestamp,
        value=found.value or b"",
        key=found.key,
        headers=tuple((name, value or b"") for name, value in found.headers),
    )
