"""The contract of the bus: what is sent, where it goes, what comes back."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest
from tests.contracts.steps import Own, fill, numbered, take

from sightline_core.bus.protocol import Message, Position
from sightline_core.errors import BusError, MessageTooLarge

if TYPE_CHECKING:
    from tests.contracts.conftest import BusFactory

    from sightline_core.bus.protocol import Bus


async def test_a_record_is_the_message_that_was_sent(bus: Bus, own: Own) -> None:
    message = Message(
        bytes(range(256)), key=b"\x00key", headers=(("b", b"1"), ("a", b"\xff\x00"), ("b", b""))
    )
    position = await bus.send(own.topic, message)
    (record,) = await take(bus.consumer(own.group, [own.topic]), 1)
    assert (record.value, record.key, record.headers) == (
        message.value,
        message.key,
        message.headers,
    )
    assert (record.topic, record.partition, record.offset) == (
        position.topic,
        position.partition,
        position.offset,
    )
    assert record.timestamp_ms > 1_700_000_000_000
    assert record.header("b") == b"1"
    assert record.header("c") is None


@pytest.mark.parametrize("key", [None, b"", b"k"])
async def test_empty_values_and_keys_are_kept_apart_from_none(
    bus: Bus, key: bytes | None, own: Own
) -> None:
    await bus.send(own.topic, Message(b"", key=key))
    (record,) = await take(bus.consumer(own.group, [own.topic]), 1)
    assert (record.value, record.key, record.headers) == (b"", key, ())


async def test_offsets_of_a_partition_have_no_gaps_and_keep_the_order_of_sends(
    bus: Bus, own: Own
) -> None:
    positions = await fill(bus, own.topic, numbered(50))
    assert [position.offset for position in positions] == list(range(50))
    records = await take(bus.consumer(own.group, [own.topic]), 50)
    assert [record.value for record in records] == numbered(50)
    assert [record.offset for record in records] == list(range(50))


async def test_concurrent_sends_each_get_their_own_offset(bus: Bus, own: Own) -> None:
    await bus.create_topic(own.topic, partitions=2)
    positions = await asyncio.gather(
        *(bus.send(own.topic, Message(value), partition=0) for value in numbered(500))
    )
    assert sorted(position.offset for position in positions) == list(range(500))
    stored = {record.offset: record.value for record in await bus.read(own.p0, 0, 499)}
    assert stored == {
        position.offset: value for position, value in zip(positions, numbered(500), strict=True)
    }


async def test_an_unknown_topic_is_created_with_one_partition(bus: Bus, own: Own) -> None:
    assert await bus.partitions(own.topic) == 0
    assert await bus.send(own.topic, Message(b"x")) == Position(own.topic, 0, 0)
    assert await bus.partitions(own.topic) == 1


async def test_topics_grow_and_never_shrink(bus: Bus, own: Own) -> None:
    for asked, expected in ((2, 2), (4, 4), (1, 4)):
        await bus.create_topic(own.topic, partitions=asked)
        assert await bus.partitions(own.topic) == expected


async def test_a_partition_that_does_not_exist_is_refused(bus: Bus, own: Own) -> None:
    await bus.create_topic(own.topic, partitions=2)
    with pytest.raises(BusError, match="cannot append to spans"):
        await bus.send(own.topic, Message(b"x"), partition=2)


@pytest.mark.parametrize("name", ["", "a b", "ü", "x" * 250, "a/b"])
async def test_topic_names_are_those_that_kafka_takes(bus: Bus, name: str) -> None:
    with pytest.raises(BusError, match="cannot create topic"):
        await bus.create_topic(name, partitions=1)


async def test_equal_keys_go_to_the_partition_that_kafka_would_take(bus: Bus, own: Own) -> None:
    await bus.create_topic(own.topic, partitions=7)
    # murmur2 of Kafka's own test vectors, made positive, modulo 7
    for key, hashed in ((b"21", -973932308), (b"foobar", -790332482), (b"abc", 479470107)):
        for _ in range(2):
            position = await bus.send(own.topic, Message(b"x", key=key))
            assert position.partition == (hashed & 0x7FFFFFFF) % 7


async def test_messages_without_key_reach_every_partition(bus: Bus, own: Own) -> None:
    await bus.create_topic(own.topic, partitions=2)
    positions = await asyncio.gather(
        *(bus.send(own.topic, Message(bytes(100_000))) for _ in range(200))
    )
    assert {position.partition for position in positions} == {0, 1}


async def test_a_message_above_the_limit_is_refused_and_the_limit_itself_is_taken(
    bus_factory: BusFactory, own: Own
) -> None:
    bus = await bus_factory.open(max_message_bytes=10_000)
    assert bus.max_message_bytes == 10_000
    with pytest.raises(MessageTooLarge, match="split"):
        await bus.send(own.topic, Message(bytes(10_001)))
    with pytest.raises(MessageTooLarge):
        await bus.send(
            own.topic, Message(bytes(9_000), key=bytes(500), headers=(("h", bytes(501)),))
        )
    await bus.send(own.topic, Message(bytes(10_000 - 100)))
    assert (await bus.send(own.topic, Message(b"x"))).offset == 1


async def test_records_come_in_order_under_concurrent_sends_by_key(bus: Bus, own: Own) -> None:
    await bus.create_topic(own.topic, partitions=3)

    async def send_in_order(key: bytes) -> None:
        for value in numbered(30):
            await bus.send(own.topic, Message(value, key=key))

    keys = [b"key-%d" % number for number in range(8)]
    await asyncio.gather(*(send_in_order(key) for key in keys))
    seen = defaultdict(list)
    for record in await take(bus.consumer(own.group, [own.topic]), 240):
        seen[record.key].append(record.value)
    assert dict(seen) == {key: numbered(30) for key in keys}
