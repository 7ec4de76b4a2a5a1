"""Kafka goes away, comes back or stands still: nothing is lost, nobody waits in vain."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import textwrap
import uuid
from typing import TYPE_CHECKING

import pytest
from aiokafka.structs import TopicPartition as KafkaPartition
from tests.broker.cluster import KafkaCluster

from sightline_core.bus.kafka.bus import KafkaBus
from sightline_core.bus.kafka.options import KafkaOptions
from sightline_core.bus.protocol import Committed, Message, TopicPartition
from sightline_core.errors import BusError, BusUnavailable, Fenced

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from sightline_core.bus.protocol import Bus, Consumer, Record

DEADLINE = 40.0


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """A broker that these tests may stop, kill and freeze; each leaves it running."""
    with KafkaCluster(tmp_path_factory.mktemp("kafka") / "faults") as cluster:
        yield cluster


def options(broker: KafkaCluster) -> KafkaOptions:
    return KafkaOptions(
        bootstrap_servers=broker.bootstrap,
        session_timeout_seconds=6,
        request_timeout_seconds=3,
        send_timeout_seconds=2,
        stall_seconds=30,
        metadata_seconds=1,
    )


@pytest.fixture
async def open_bus(broker: KafkaCluster) -> AsyncIterator[Callable[..., KafkaBus]]:
    """Open buses with options of the test's own."""
    opened: list[KafkaBus] = []

    def open_one(**changed: float) -> KafkaBus:
        opened.append(KafkaBus(options(broker).changed(**changed)))
        return opened[-1]

    yield open_one
    for bus in opened:
        await bus.close()


@pytest.fixture
def bus(open_bus: Callable[..., KafkaBus]) -> KafkaBus:
    return open_bus()


@pytest.fixture
def topic() -> str:
    return f"spans-{uuid.uuid4().hex[:12]}"


async def send(bus: Bus, topic: str, value: bytes) -> int:
    """Send as the collector's clients do: again while the bus is away."""
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                return (await bus.send(topic, Message(value), partition=0)).offset
            except BusUnavailable:
                await asyncio.sleep(0.05)


async def poll_until(condition: Callable[[], bool], consumer: Consumer) -> list[Record]:
    """Poll as the pipeline does: on while the bus is away."""
    records: list[Record] = []
    async with asyncio.timeout(DEADLINE):
        while not condition():
            try:
                for batch in (await consumer.poll(timeout=0.1)).values():
                    records += batch
            except BusUnavailable:
                await asyncio.sleep(0.05)
    return records


async def take(consumer: Consumer, count: int) -> list[bytes]:
    values: list[bytes] = []
    async with asyncio.timeout(DEADLINE):
        while len(values) < count:
            try:
                for batch in (await consumer.poll(timeout=0.1)).values():
                    values += [record.value for record in batch]
            except BusUnavailable:
                await asyncio.sleep(0.05)
    return values


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_everything_goes_on_after_the_broker_comes_back(
    broker: KafkaCluster, bus: KafkaBus, topic: str, how: str
) -> None:
    node = broker.nodes[0]
    consumer = bus.consumer("g", [topic])
    await send(bus, topic, b"before")
    assert await take(consumer, 1) == [b"before"]
    await consumer.commit({TopicPartition(topic, 0): Committed(1, "insert 1-1")})

    await asyncio.to_thread(getattr(node, how))
    with pytest.raises(BusUnavailable, match=f"cannot append to {topic}-0: "):
        await bus.send(topic, Message(b"lost?"), partition=0)
    with pytest.raises(BusUnavailable, match="cannot commit"):
        await consumer.commit({TopicPartition(topic, 0): Committed(1, "insert 1-1")})
    await asyncio.to_thread(node.restart)

    await send(bus, topic, b"after")
    values: list[bytes] = []
    while b"after" not in values:
        values += await take(consumer, 1)
    assert set(values) <= {b"before", b"lost?", b"after"}
    assert await consumer.committed(TopicPartition(topic, 0)) == Committed(1, "insert 1-1")
    partition = TopicPartition(topic, 0)
    async with asyncio.timeout(DEADLINE):
        while True:  # the group may have to come together again first
            try:
                await consumer.commit({partition: Committed(2)})
                break
            except (BusUnavailable, Fenced):
                await consumer.poll(timeout=0.1)


async def test_what_was_acknowledged_is_there_once_after_kills(
    broker: KafkaCluster, bus: KafkaBus, topic: str
) -> None:
    node = broker.nodes[0]
    acknowledged: dict[int, bytes] = {}
    ending = asyncio.Event()

    async def sender(name: int) -> None:
        number = 0
        while not ending.is_set():
            value = b"%d-%d" % (name, number)
            number += 1
            try:
                position = await bus.send(topic, Message(value), partition=0)
            except BusUnavailable:
                await asyncio.sleep(0.02)
            else:
                acknowledged[position.offset] = value

    await send(bus, topic, b"first")
    senders = [asyncio.create_task(sender(name)) for name in range(4)]
    for _ in range(2):
        enough = len(acknowledged) + 50
        async with asyncio.timeout(DEADLINE):
            while len(acknowledged) < enough:  # noqa: ASYNC110 - counts what four senders do
                await asyncio.sleep(0.01)
        await asyncio.to_thread(node.kill)
        await asyncio.to_thread(node.restart)
    ending.set()
    await asyncio.gather(*senders)

    end = (await bus.lag("nobody", topic))[0].end
    stored = {
        record.offset: record.value
        for record in await bus.read(TopicPartition(topic, 0), 0, end - 1)
    }
    assert {offset: stored.get(offset) for offset in acknowledged} == acknowledged
    values = list(stored.values())
    assert len(values) == len(set(values)), "the producer's own retries are written once"


async def test_a_frozen_broker_is_left_in_time(
    broker: KafkaCluster, bus: KafkaBus, topic: str
) -> None:
    await send(bus, topic, b"before")
    loop = asyncio.get_running_loop()
    broker.nodes[0].freeze()
    try:
        started = loop.time()
        with pytest.raises(BusUnavailable, match="did not answer in time"):
            await bus.send(topic, Message(b"x"), partition=0)
        assert loop.time() - started < 10
        with pytest.raises(BusUnavailable):
            await bus.lag("g", topic)
    finally:
        broker.nodes[0].thaw()
    await send(bus, topic, b"after")


async def test_the_answer_of_a_loading_coordinator_is_not_taken_for_a_new_group(
    bus: KafkaBus, topic: str
) -> None:
    """Its answer names an error and no partition; aiokafka reads "no progress" from it."""
    for value in (b"one", b"two", b"three"):
        await send(bus, topic, value)
    first = bus.consumer("g-loading", [topic])
    assert len(await take(first, 3)) == 3
    await first.commit({TopicPartition(topic, 0): Committed(2)})
    await first.close()

    async def nothing_yet(_partitions: object) -> dict[object, object]:
        return {}

    second = bus.consumer("g-loading", [topic])
    await second._connected()
    second._client._coordinator._do_fetch_commit_offsets = nothing_yet  # type: ignore[union-attr]
    assert await take(second, 1) == [b"three"]


async def test_the_watchdog_builds_a_silent_consumer_anew(
    open_bus: Callable[..., KafkaBus], topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    bus = open_bus(stall_seconds=0.5)
    consumer = bus.consumer("g-watchdog", [topic])
    await send(bus, topic, b"one")
    assert await take(consumer, 1) == [b"one"]
    await consumer.commit({TopicPartition(topic, 0): Committed(1)})
    fetcher = consumer._client._fetcher  # type: ignore[union-attr]
    for task in (fetcher._fetch_task, *fetcher._pending_tasks):
        task.cancel()  # wedged as in aiokafka#1154: a member of the group, and silent for ever
    await send(bus, topic, b"two")
    assert await take(consumer, 1) == [b"two"]
    assert "is stuck: no record of" in caplog.text


async def test_the_watchdog_sees_a_silent_partition_beside_one_that_flows(
    open_bus: Callable[..., KafkaBus], topic: str
) -> None:
    bus = open_bus(stall_seconds=0.5)
    await bus.create_topic(topic, partitions=2)
    consumer = bus.consumer("g-half", [topic])
    for number in (0, 1):
        await bus.send(topic, Message(b"first"), partition=number)
    assert await take(consumer, 2) == [b"first"] * 2
    await consumer.commit({TopicPartition(topic, number): Committed(1) for number in (0, 1)})
    consumer._client.pause(KafkaPartition(topic, 1))  # type: ignore[union-attr]
    await bus.send(topic, Message(b"stuck"), partition=1)
    seen: set[bytes] = set()
    async with asyncio.timeout(20):
        while b"stuck" not in seen:
            await bus.send(topic, Message(b"flows"), partition=0)
            for records in (await consumer.poll(timeout=0.2)).values():
                seen.update(record.value for record in records)
    await consumer.close()


async def test_the_watchdog_lets_an_idle_consumer_be(
    open_bus: Callable[..., KafkaBus], topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    bus = open_bus(stall_seconds=0.2)
    consumer = bus.consumer("g-idle", [topic])
    await send(bus, topic, b"one")
    assert await take(consumer, 1) == [b"one"]
    for _ in range(20):
        assert await consumer.poll(timeout=0.1) == {}
    assert "is stuck" not in caplog.text


async def test_a_watchdog_that_cannot_help_says_so(
    open_bus: Callable[..., KafkaBus], topic: str
) -> None:
    bus = open_bus(stall_seconds=0.2)
    await send(bus, topic, b"one")
    consumer = bus.consumer("g-hopeless", [topic])

    async def nothing(*_: object) -> None:
        await asyncio.sleep(0.05)

    consumer._fetch = nothing  # type: ignore[method-assign,assignment]
    with pytest.raises(BusError, match="joining anew 3 times did not help; restart this process"):
        await poll_until(lambda: False, consumer)


async def test_who_does_not_poll_loses_its_partitions(
    open_bus: Callable[..., KafkaBus], topic: str
) -> None:
    bus = open_bus(max_poll_seconds=1)
    await send(bus, topic, b"one")
    first, second = bus.consumer("g-poll", [topic]), bus.consumer("g-poll", [topic])
    assert await take(first, 1) == [b"one"]
    await first.poll(timeout=0.05)
    await poll_until(lambda: bool(second.assignment), second)
    with pytest.raises(Fenced):
        await first.commit({TopicPartition(topic, 0): Committed(1)})


MEMBER = textwrap.dedent(
    """
    import asyncio, sys
    from sightline_core.bus.kafka.bus import KafkaBus
    from sightline_core.bus.kafka.options import KafkaOptions
    from sightline_core.bus.protocol import Committed, TopicPartition
    from sightline_core.errors import Fenced

    async def main(bootstrap, topic, others):
        bus = KafkaBus(KafkaOptions(bootstrap_servers=bootstrap, session_timeout_seconds=1))
        consumer = bus.consumer("g-stopped", [topic])
        while not await consumer.poll():
            pass
        partition = TopicPartition(topic, 0)
        await consumer.commit({partition: Committed(0, "insert 0-0")})
        print("owns", flush=True)
        await asyncio.to_thread(sys.stdin.readline)  # stopped here, and woken up
        while others == "leave" and consumer._client._coordinator.generation > 0:
            await asyncio.sleep(0.01)  # aiokafka hears that it was thrown out
        try:
            await consumer.commit({partition: Committed(1)})
            print("committed", flush=True)
        except Fenced as error:
            print("fenced", error, flush=True)
        await bus.close()

    asyncio.run(main(*sys.argv[1:]))
    """
)


@pytest.mark.parametrize("others", ["stay", "leave"])
async def test_a_stopped_member_wakes_up_fenced(
    broker: KafkaCluster, bus: KafkaBus, topic: str, others: str
) -> None:
    """Also when the group is empty by then: Kafka takes commits of nobody in particular there."""
    partition = TopicPartition(topic, 0)
    await send(bus, topic, b"one")
    member = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        MEMBER,
        broker.bootstrap,
        topic,
        others,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert member.stdin is not None
    assert member.stdout is not None
    assert await member.stdout.readline() == b"owns\n"
    os.kill(member.pid, signal.SIGSTOP)
    next_owner = bus.consumer("g-stopped", [topic])
    await poll_until(lambda: bool(next_owner.assignment), next_owner)
    assert await next_owner.committed(partition) == Committed(0, "insert 0-0")
    await next_owner.commit({partition: Committed(7)})
    if others == "leave":
        await next_owner.close()
    os.kill(member.pid, signal.SIGCONT)
    member.stdin.write(b"\n")
    said, _ = await asyncio.wait_for(member.communicate(), DEADLINE)
    assert said.startswith(b"fenced cannot commit"), said
    assert await next_owner.committed(partition) == Committed(7)
