"""The contract of the bus: polling, pausing, seeking."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.contracts.steps import DEADLINE, Own, fill, numbered, poll_until, take

from sightline_core.bus.protocol import Committed, Message
from sightline_core.errors import OffsetOutOfRange

if TYPE_CHECKING:
    from sightline_core.bus.protocol import Bus, Consumer


async def test_a_new_group_starts_at_the_earliest_message(bus: Bus, own: Own) -> None:
    await fill(bus, own.topic, numbered(3))
    for group in (own.group + "-1", own.group + "-2"):
        records = await take(bus.consumer(group, [own.topic]), 3)
        assert [record.offset for record in records] == [0, 1, 2]


async def test_a_consumer_reads_several_topics(bus: Bus, own: Own) -> None:
    topics = [own.topic, f"{own.topic}-logs"]
    for topic in topics:
        await bus.send(topic, Message(topic.encode()))
    records = await take(bus.consumer(own.group, topics), 2)
    assert {(record.topic, record.value) for record in records} == {
        (topic, topic.encode()) for topic in topics
    }


async def test_a_poll_returns_as_soon_as_something_comes(bus: Bus, own: Own) -> None:
    await bus.create_topic(own.topic, partitions=1)
    consumer = bus.consumer(own.group, [own.topic])
    await poll_until(lambda: consumer.assignment == {own.p0}, consumer)
    polling = asyncio.create_task(consumer.poll(timeout=DEADLINE))
    await bus.send(own.topic, Message(b"x"))
    records = (await asyncio.wait_for(polling, DEADLINE / 2))[own.p0]
    assert [record.value for record in records] == [b"x"]


async def test_a_poll_returns_empty_when_nothing_comes(bus: Bus, own: Own) -> None:
    await bus.create_topic(own.topic, partitions=1)
    consumer = bus.consumer(own.group, [own.topic])
    loop = asyncio.get_running_loop()
    started = loop.time()
    assert await consumer.poll(timeout=0.2) == {}
    assert loop.time() - started >= 0.19


async def test_a_topic_made_after_the_consumer_joined_is_read(bus: Bus, own: Own) -> None:
    consumer = bus.consumer(own.group, [own.topic])
    assert await consumer.poll(timeout=0) == {}
    await bus.send(own.topic, Message(b"x"))
    assert [record.value for record in await take(consumer, 1)] == [b"x"]
    await consumer.commit({own.p0: Committed(1)})  # growing may be a rebalance
    await bus.create_topic(own.topic, partitions=2)
    await bus.send(own.topic, Message(b"y"), partition=1)
    assert [record.value for record in await take(consumer, 1)] == [b"y"]


async def test_polls_stay_within_max_bytes(bus: Bus, own: Own) -> None:
    await bus.create_topic(own.topic, partitions=2)
    for partition in (0, 1):
        await fill(bus, own.topic, [bytes(1000)] * 20, partition)
    consumer = bus.consumer(own.group, [own.topic])
    seen = 0
    async with asyncio.timeout(DEADLINE):
        while seen < 40:
            batches = await consumer.poll(max_bytes=3500)
            records = [record for batch in batches.values() for record in batch]
            assert sum(len(record.value) for record in records) <= 3500
            seen += len(records)


async def test_a_record_larger_than_max_bytes_is_returned_alone(bus: Bus, own: Own) -> None:
    await fill(bus, own.topic, [b"small", bytes(50_000), b"small"])
    consumer = bus.consumer(own.group, [own.topic])
    sizes: list[list[int]] = []
    async with asyncio.timeout(DEADLINE):
        while len(sizes) < 3:
            batches = await consumer.poll(max_bytes=100)
            sizes += [[len(record.value) for record in batch] for batch in batches.values()]
    assert sizes == [[5], [50_000], [5]]


async def test_a_large_record_does_not_ride_along_with_another_partition(
    bus: Bus, own: Own
) -> None:
    await bus.create_topic(own.topic, partitions=2)
    await fill(bus, own.topic, [bytes(10)], 0)
    await fill(bus, own.topic, [bytes(1000)], 1)
    consumer = bus.consumer(own.group, [own.topic])
    polls: list[int] = []
    async with asyncio.timeout(DEADLINE):
        while sum(polls) < 1010:
            batches = await consumer.poll(max_bytes=500)
            polls.append(sum(len(record.value) for batch in batches.values() for record in batch))
    assert 1010 not in polls


async def test_no_partition_starves_under_a_small_max_bytes(bus: Bus, own: Own) -> None:
    await bus.create_topic(own.topic, partitions=2)
    for partition in (0, 1):
        await fill(bus, own.topic, [bytes(1000)] * 20, partition)
    consumer = bus.consumer(own.group, [own.topic])
    records = await take(consumer, 20, max_bytes=1000)
    assert {record.partition for record in records} == {0, 1}


async def test_paused_partitions_stay_silent_and_owned(bus: Bus, own: Own) -> None:
    await bus.create_topic(own.topic, partitions=2)
    consumer = bus.consumer(own.group, [own.topic])
    await poll_until(lambda: consumer.assignment == own.both, consumer)
    consumer.pause(own.p0)
    for partition in (0, 1):
        await fill(bus, own.topic, numbered(3), partition)
    assert {record.partition for record in await take(consumer, 3)} == {1}
    assert await consumer.poll(timeout=0.1) == {}
    assert consumer.assignment == own.both
    consumer.resume(own.p0)
    assert await positions_of(consumer, 3) == [(own.topic, 0, offset) for offset in range(3)]


async def test_seek_reads_on_from_any_held_offset(bus: Bus, own: Own) -> None:
    await fill(bus, own.topic, numbered(10))
    consumer = bus.consumer(own.group, [own.topic])
    await take(consumer, 10)
    consumer.seek(own.p0, 8)
    assert [record.offset for record in await take(consumer, 2)] == [8, 9]
    consumer.seek(own.p0, 0)
    assert [record.offset for record in await take(consumer, 10)] == list(range(10))


async def test_a_position_that_is_not_held_raises_until_a_seek(bus: Bus, own: Own) -> None:
    await fill(bus, own.topic, numbered(3))
    consumer = bus.consumer(own.group, [own.topic])
    await take(consumer, 3)
    consumer.seek(own.p0, 99)
    for _ in range(2):
        with pytest.raises(OffsetOutOfRange, match="seek"):
            await poll_until(lambda: False, consumer)
    consumer.seek(own.p0, 2)
    assert [record.offset for record in await take(consumer, 1)] == [2]


async def positions_of(consumer: Consumer, count: int) -> list[tuple[str, int, int]]:
    return [
        (record.topic, record.partition, record.offset) for record in await take(consumer, count)
    ]
