"""What others may do to our topics, and what may answer instead of a broker."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import gzip
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.structs import TopicPartition as KafkaPartition

from sightline_core.bus.kafka.bus import KafkaBus
from sightline_core.bus.kafka.options import KafkaOptions
from sightline_core.bus.protocol import Committed, Message, TopicPartition
from sightline_core.errors import BusError, BusUnavailable, MessageTooLarge, OffsetOutOfRange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.broker.cluster import KafkaCluster

    from sightline_core.bus.protocol import Consumer, Record

DEADLINE = 30.0


@pytest.fixture
async def open_bus(kafka: KafkaCluster) -> AsyncIterator[Callable[..., KafkaBus]]:
    """Open buses with options of the test's own."""
    opened: list[KafkaBus] = []

    def open_one(**changed: Any) -> KafkaBus:
        options = KafkaOptions(
            bootstrap_servers=kafka.bootstrap, session_timeout_seconds=6, metadata_seconds=0.5
        )
        opened.append(KafkaBus(options.changed(**changed)))
        return opened[-1]

    yield open_one
    for bus in opened:
        await bus.close()


@pytest.fixture
async def admin(kafka: KafkaCluster) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await client.start()
    yield client
    await client.close()


@pytest.fixture
def topic() -> str:
    return f"spans-{uuid.uuid4().hex[:12]}"


async def take(consumer: Consumer, count: int) -> list[Record]:
    records: list[Record] = []
    async with asyncio.timeout(DEADLINE):
        while len(records) < count:
            for batch in (await consumer.poll()).values():
                records += batch
    return records


async def test_tombstones_and_headers_without_a_value_read_as_empty(
    kafka: KafkaCluster, open_bus: Callable[..., KafkaBus], topic: str
) -> None:
    bus = open_bus()
    await bus.create_topic(topic, partitions=1)
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as foreign:
        await foreign.send_and_wait(topic, None, key=b"k", headers=[("h", None)])
        await foreign.send_and_wait(topic, b"\xff" * 10)
    tombstone, garbage = await take(bus.consumer(topic, [topic]), 2)
    assert (tombstone.value, tombstone.key, tombstone.headers) == (b"", b"k", (("h", b""),))
    assert garbage.value == b"\xff" * 10
    assert await bus.read(TopicPartition(topic, 0), 0, 1) == [tombstone, garbage]


@pytest.mark.parametrize("codec", [None, "gzip", "snappy", "lz4", "zstd"])
async def test_batches_of_every_compression_are_read(
    kafka: KafkaCluster, open_bus: Callable[..., KafkaBus], topic: str, codec: str | None
) -> None:
    bus = open_bus()
    await bus.create_topic(topic, partitions=1)
    value = gzip.compress(b"x") + bytes(5000)
    async with AIOKafkaProducer(
        bootstrap_servers=kafka.bootstrap, compression_type=codec
    ) as foreign:
        await foreign.send_and_wait(topic, value)
    assert [record.value for record in await take(bus.consumer(topic, [topic]), 1)] == [value]


async def test_a_topic_that_takes_less_lowers_the_limit(
    open_bus: Callable[..., KafkaBus], admin: AIOKafkaAdminClient, topic: str
) -> None:
    await admin.create_topics([NewTopic(topic, 1, 1, topic_configs={"max.message.bytes": "50000"})])
    bus = open_bus()
    assert bus.max_message_bytes == 1_000_000
    await bus.create_topic(topic, partitions=1)
    limit = bus.max_message_bytes
    assert 40_000 < limit < 50_000
    with pytest.raises(MessageTooLarge, match="split it"):
        await bus.send(topic, Message(incompressible(60_000)))
    await bus.send(topic, Message(incompressible(limit - 100)))


async def test_a_limit_lowered_behind_our_back_is_learnt_and_nothing_else_suffers(
    open_bus: Callable[..., KafkaBus], admin: AIOKafkaAdminClient, topic: str
) -> None:
    await admin.create_topics([NewTopic(topic, 1, 1, topic_configs={"max.message.bytes": "50000"})])
    bus = open_bus()
    with pytest.raises(MessageTooLarge, match=r"cannot append to .*: 60,0.. bytes, Kafka takes"):
        await bus.send(topic, Message(incompressible(60_000)))
    assert bus.max_message_bytes < 50_000
    # The refused batch had a number; the producer that gave it is of no more use.
    for number in range(3):
        assert (await bus.send(topic, Message(b"small"))).offset == number


def incompressible(size: int) -> bytes:
    import random  # noqa: PLC0415

    return random.Random(7).randbytes(size)


async def test_the_largest_message_passes_even_if_it_cannot_be_compressed(
    open_bus: Callable[..., KafkaBus], topic: str
) -> None:
    bus = open_bus(max_message_bytes=3_000_000)
    await bus.create_topic(topic, partitions=1)
    value = incompressible(3_000_000 - 100)
    await asyncio.gather(*(bus.send(topic, Message(value)) for _ in range(4)))
    records = await take(bus.consumer(topic, [topic]), 4)
    assert all(record.value == value for record in records)


async def test_a_compacted_topic_is_refused(
    open_bus: Callable[..., KafkaBus], admin: AIOKafkaAdminClient, topic: str
) -> None:
    await admin.create_topics([NewTopic(topic, 1, 1, topic_configs={"cleanup.policy": "compact"})])
    with pytest.raises(BusError, match=r"cleanup\.policy is compact, which removes telemetry"):
        await open_bus().create_topic(topic, partitions=1)


async def test_a_missing_topic_that_may_not_be_made_is_named(
    open_bus: Callable[..., KafkaBus], topic: str
) -> None:
    bus = open_bus(create_topics=False)
    with pytest.raises(BusError, match="does not exist, and kafka_create_topics is off; have it"):
        await bus.create_topic(topic, partitions=2)
    with pytest.raises(BusError, match="does not exist"):
        await bus.send(topic, Message(b"x"))


async def test_records_removed_under_a_consumer_are_reported_not_skipped(
    open_bus: Callable[..., KafkaBus], admin: AIOKafkaAdminClient, topic: str
) -> None:
    bus = open_bus()
    for number in range(6):
        await bus.send(topic, Message(b"%d" % number))
    partition = TopicPartition(topic, 0)
    consumer = bus.consumer(topic, [topic])
    await take(consumer, 6)
    await consumer.commit({partition: Committed(2, "insert 2-3")})
    await consumer.close()
    await admin.delete_records({KafkaPartition(topic, 0): RecordsToDelete(before_offset=4)})

    consumer = bus.consumer(topic, [topic])
    with pytest.raises(OffsetOutOfRange, match="from 2: it holds 4 to 5; seek to 4") as caught:
        await take(consumer, 1)
    assert (caught.value.partition, caught.value.nearest) == (partition, 4)
    with pytest.raises(OffsetOutOfRange):
        await bus.read(partition, 2, 3)
    consumer.seek(partition, 4)
    assert [record.value for record in await take(consumer, 2)] == [b"4", b"5"]
    (lag,) = await bus.lag(topic, topic)
    assert (lag.committed, lag.end) == (2, 6)
    assert lag.oldest_pending_ms is not None


async def test_a_topic_made_anew_under_a_consumer_is_read_from_its_start(
    open_bus: Callable[..., KafkaBus], admin: AIOKafkaAdminClient, topic: str
) -> None:
    bus = open_bus()
    for number in range(5):
        await bus.send(topic, Message(b"old %d" % number))
    partition = TopicPartition(topic, 0)
    consumer = bus.consumer(topic, [topic])
    await take(consumer, 5)
    await consumer.commit({partition: Committed(5)})
    await admin.delete_topics([topic])
    async with asyncio.timeout(DEADLINE):
        while await bus.partitions(topic):  # noqa: ASYNC110 - the broker takes its time
            await asyncio.sleep(0.02)
    another = open_bus()
    for number in range(3):
        await send(another, topic, b"new %d" % number)
    values: list[bytes] = []
    async with asyncio.timeout(DEADLINE):
        while len(values) < 3:
            try:
                for batch in (await consumer.poll()).values():
                    values += [record.value for record in batch]
            except OffsetOutOfRange as error:
                consumer.seek(TopicPartition(*error.partition), error.nearest)
    assert values == [b"new 0", b"new 1", b"new 2"]


async def send(bus: KafkaBus, topic: str, value: bytes) -> None:
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                await bus.send(topic, Message(value))
            except BusUnavailable:
                await asyncio.sleep(0.05)
            else:
                return


async def test_a_missing_leader_is_not_asked_for_in_a_busy_loop(
    open_bus: Callable[..., KafkaBus],
    admin: AIOKafkaAdminClient,
    topic: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    bus = open_bus(send_timeout_seconds=1)
    await bus.send(topic, Message(b"x"))
    await take(consumer := bus.consumer(topic, [topic]), 1)
    await admin.delete_topics([topic])
    with contextlib.suppress(BusUnavailable):
        while True:
            await bus.send(topic, Message(b"x"))
    await consumer.poll(timeout=0.5)
    asked = caplog.text.count(f"Topic {topic} not found in cluster metadata")
    assert 1 <= asked < 60


async def test_nobody_there(open_bus: Callable[..., KafkaBus]) -> None:
    bus = open_bus(bootstrap_servers="127.0.0.1:1", request_timeout_seconds=1)
    with pytest.raises(BusUnavailable, match=r"cannot look up topic t: .*127\.0\.0\.1"):
        await bus.partitions("t")
    with pytest.raises(BusUnavailable, match="cannot join group g: "):
        await bus.consumer("g", ["t"]).poll()


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\0\0\x04what", b""])
async def test_something_that_is_no_broker(
    open_bus: Callable[..., KafkaBus], answer: bytes
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        bus = open_bus(bootstrap_servers=f"127.0.0.1:{port}", request_timeout_seconds=1)
        with pytest.raises(BusUnavailable, match="cannot look up topic t: "):
            await bus.partitions("t")
        with pytest.raises(BusUnavailable, match="cannot join group g: "):
            await bus.consumer("g", ["t"]).poll()


@pytest.mark.filterwarnings("ignore")  # aiokafka forgets to close the connection
async def test_a_broker_without_a_version_in_common(open_bus: Callable[..., KafkaBus]) -> None:
    """It knows ApiVersions and, of Metadata, only a version of the far future."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int.from_bytes(await reader.readexactly(4))
        request = await reader.readexactly(size)
        known = b"".join(n.to_bytes(2) for key, n in ((3, 99), (18, 0)) for n in (key, n, n))
        body = request[4:8] + bytes(2) + (2).to_bytes(4) + known
        writer.write(len(body).to_bytes(4) + body)
        await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        bus = open_bus(bootstrap_servers=f"127.0.0.1:{port}", request_timeout_seconds=1)
        with pytest.raises(BusError, match="the broker speaks no protocol version in common"):
            await bus.partitions("t")
        gc.collect()
