"""The contract of `sightline_core.bus.protocol`, sentence by sentence, for every implementation.

Written to hold for Kafka too: rebalances may take several polls, records may come in any portions.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from sightline_core.bus.protocol import Committed, Message, Position, Record, TopicPartition
from sightline_core.errors import BusError, Fenced, MessageTooLarge, OffsetOutOfRange

if TYPE_CHECKING:
    from collections.abc import Callable

    from sightline_core.bus.protocol import Bus, Consumer

    from .conftest import BusFactory

DEADLINE = 20.0
P0 = TopicPartition("spans", 0)
P1 = TopicPartition("spans", 1)
BOTH = frozenset({P0, P1})


class Listener:
    """Remembers what it was told; `revoking` runs inside `on_revoked`."""

    def __init__(self) -> None:
        self.owned: set[TopicPartition] = set()
        self.calls: list[tuple[str, frozenset[TopicPartition]]] = []
        self.revoking: Callable[[frozenset[TopicPartition]], object] | None = None

    async def on_assigned(self, partitions: frozenset[TopicPartition]) -> None:
        self.calls.append(("assigned", partitions))
        self.owned |= partitions

    async def on_revoked(self, partitions: frozenset[TopicPartition]) -> None:
        self.calls.append(("revoked", partitions))
        if self.revoking is not None:
            await self.revoking(partitions)  # type: ignore[misc]
        self.owned -= partitions


async def poll_until(
    condition: Callable[[], bool], *consumers: Consumer, max_bytes: int = 8 << 20
) -> list[Record]:
    """Poll the consumers in turn until the condition holds; return what came."""
    records: list[Record] = []
    async with asyncio.timeout(DEADLINE):
        while not condition():
            for consumer in consumers:
                for batch in (await consumer.poll(max_bytes=max_bytes, timeout=0.05)).values():
                    records += batch
    return records


async def take(consumer: Consumer, count: int, *, max_bytes: int = 8 << 20) -> list[Record]:
    """Poll until `count` records came."""
    records: list[Record] = []
    async with asyncio.timeout(DEADLINE):
        while len(records) < count:
            for batch in (await consumer.poll(max_bytes=max_bytes)).values():
                records += batch
    return records


async def fill(bus: Bus, values: list[bytes], partition: int = 0) -> list[Position]:
    return [await bus.send("spans", Message(value), partition=partition) for value in values]


def numbered(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


async def test_a_record_is_the_message_that_was_sent(bus: Bus) -> None:
    message = Message(
        bytes(range(256)), key=b"\x00key", headers=(("b", b"1"), ("a", b"\xff\x00"), ("b", b""))
    )
    position = await bus.send("spans", message)
    (record,) = await take(bus.consumer("g", ["spans"]), 1)
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
async def test_empty_values_and_keys_are_kept_apart_from_none(bus: Bus, key: bytes | None) -> None:
    await bus.send("spans", Message(b"", key=key))
    (record,) = await take(bus.consumer("g", ["spans"]), 1)
    assert (record.value, record.key, record.headers) == (b"", key, ())


async def test_offsets_of_a_partition_have_no_gaps_and_keep_the_order_of_sends(bus: Bus) -> None:
    positions = await fill(bus, numbered(50))
    assert [position.offset for position in positions] == list(range(50))
    records = await take(bus.consumer("g", ["spans"]), 50)
    assert [record.value for record in records] == numbered(50)
    assert [record.offset for record in records] == list(range(50))


async def test_concurrent_sends_each_get_their_own_offset(bus: Bus) -> None:
    await bus.create_topic("spans", partitions=2)
    positions = await asyncio.gather(
        *(bus.send("spans", Message(value), partition=0) for value in numbered(500))
    )
    assert sorted(position.offset for position in positions) == list(range(500))
    stored = {record.offset: record.value for record in await bus.read(P0, 0, 499)}
    assert stored == {
        position.offset: value for position, value in zip(positions, numbered(500), strict=True)
    }


async def test_an_unknown_topic_is_created_with_one_partition(bus: Bus) -> None:
    assert await bus.partitions("spans") == 0
    assert await bus.send("spans", Message(b"x")) == Position("spans", 0, 0)
    assert await bus.partitions("spans") == 1


async def test_topics_grow_and_never_shrink(bus: Bus) -> None:
    for asked, expected in ((2, 2), (4, 4), (1, 4)):
        await bus.create_topic("spans", partitions=asked)
        assert await bus.partitions("spans") == expected


async def test_a_partition_that_does_not_exist_is_refused(bus: Bus) -> None:
    await bus.create_topic("spans", partitions=2)
    with pytest.raises(BusError, match="cannot append to spans"):
        await bus.send("spans", Message(b"x"), partition=2)


@pytest.mark.parametrize("name", ["", "a b", "ü", "x" * 250, "a/b"])
async def test_topic_names_are_those_that_kafka_takes(bus: Bus, name: str) -> None:
    with pytest.raises(BusError, match="cannot create topic"):
        await bus.create_topic(name, partitions=1)


async def test_equal_keys_go_to_the_partition_that_kafka_would_take(bus: Bus) -> None:
    await bus.create_topic("spans", partitions=7)
    # murmur2 of Kafka's own test vectors, made positive, modulo 7
    for key, hashed in ((b"21", -973932308), (b"foobar", -790332482), (b"abc", 479470107)):
        for _ in range(2):
            position = await bus.send("spans", Message(b"x", key=key))
            assert position.partition == (hashed & 0x7FFFFFFF) % 7


async def test_messages_without_key_reach_every_partition(bus: Bus) -> None:
    await bus.create_topic("spans", partitions=2)
    positions = await asyncio.gather(
        *(bus.send("spans", Message(bytes(100_000))) for _ in range(200))
    )
    assert {position.partition for position in positions} == {0, 1}


async def test_a_message_above_the_limit_is_refused_and_the_limit_itself_is_taken(
    bus_factory: BusFactory,
) -> None:
    bus = await bus_factory.open(max_message_bytes=10_000)
    assert bus.max_message_bytes == 10_000
    with pytest.raises(MessageTooLarge, match="split"):
        await bus.send("spans", Message(bytes(10_001)))
    with pytest.raises(MessageTooLarge):
        await bus.send("spans", Message(bytes(9_000), key=bytes(500), headers=(("h", bytes(501)),)))
    await bus.send("spans", Message(bytes(10_000 - 100)))
    assert (await bus.send("spans", Message(b"x"))).offset == 1


async def test_what_was_sent_and_committed_survives_a_restart(bus_factory: BusFactory) -> None:
    if not bus_factory.durable:
        pytest.skip("keeps nothing")
    bus = await bus_factory.open()
    await bus.create_topic("empty", partitions=3)
    await fill(bus, numbered(10))
    consumer = bus.consumer("g", ["spans"])
    await take(consumer, 10)
    await consumer.commit({P0: Committed(4, "intent 4-7")})
    await bus.close()

    bus = await bus_factory.open()
    assert await bus.partitions("empty") == 3
    assert (await bus.send("spans", Message(b"10"))).offset == 10
    consumer = bus.consumer("g", ["spans"])
    records = await take(consumer, 7)
    assert [record.value for record in records] == numbered(11)[4:]
    assert await consumer.committed(P0) == Committed(4, "intent 4-7")


async def test_a_new_group_starts_at_the_earliest_message(bus: Bus) -> None:
    await fill(bus, numbered(3))
    for group in ("one", "two"):
        records = await take(bus.consumer(group, ["spans"]), 3)
        assert [record.offset for record in records] == [0, 1, 2]


async def test_a_consumer_reads_several_topics(bus: Bus) -> None:
    for topic in ("spans", "logs"):
        await bus.send(topic, Message(topic.encode()))
    records = await take(bus.consumer("g", ["spans", "logs"]), 2)
    assert {(record.topic, record.value) for record in records} == {
        ("spans", b"spans"),
        ("logs", b"logs"),
    }


async def test_a_poll_returns_as_soon_as_something_comes(bus: Bus) -> None:
    await bus.create_topic("spans", partitions=1)
    consumer = bus.consumer("g", ["spans"])
    await poll_until(lambda: consumer.assignment == {P0}, consumer)
    polling = asyncio.create_task(consumer.poll(timeout=DEADLINE))
    await bus.send("spans", Message(b"x"))
    records = (await asyncio.wait_for(polling, DEADLINE / 2))[P0]
    assert [record.value for record in records] == [b"x"]


async def test_a_poll_returns_empty_when_nothing_comes(bus: Bus) -> None:
    await bus.create_topic("spans", partitions=1)
    consumer = bus.consumer("g", ["spans"])
    loop = asyncio.get_running_loop()
    started = loop.time()
    assert await consumer.poll(timeout=0.2) == {}
    assert loop.time() - started >= 0.19


async def test_a_topic_made_after_the_consumer_joined_is_read(bus: Bus) -> None:
    consumer = bus.consumer("g", ["spans"])
    assert await consumer.poll(timeout=0) == {}
    await bus.send("spans", Message(b"x"))
    assert [record.value for record in await take(consumer, 1)] == [b"x"]
    await bus.create_topic("spans", partitions=2)
    await bus.send("spans", Message(b"y"), partition=1)
    assert [record.value for record in await take(consumer, 1)] == [b"y"]


async def test_polls_stay_within_max_bytes(bus: Bus) -> None:
    await bus.create_topic("spans", partitions=2)
    for partition in (0, 1):
        await fill(bus, [bytes(1000)] * 20, partition)
    consumer = bus.consumer("g", ["spans"])
    seen = 0
    async with asyncio.timeout(DEADLINE):
        while seen < 40:
            batches = await consumer.poll(max_bytes=3500)
            records = [record for batch in batches.values() for record in batch]
            assert sum(len(record.value) for record in records) <= 3500
            seen += len(records)


async def test_a_record_larger_than_max_bytes_is_returned_alone(bus: Bus) -> None:
    await fill(bus, [b"small", bytes(50_000), b"small"])
    consumer = bus.consumer("g", ["spans"])
    sizes: list[list[int]] = []
    async with asyncio.timeout(DEADLINE):
        while len(sizes) < 3:
            batches = await consumer.poll(max_bytes=100)
            sizes += [[len(record.value) for record in batch] for batch in batches.values()]
    assert sizes == [[5], [50_000], [5]]


async def test_a_large_record_does_not_ride_along_with_another_partition(bus: Bus) -> None:
    await bus.create_topic("spans", partitions=2)
    await fill(bus, [bytes(10)], 0)
    await fill(bus, [bytes(1000)], 1)
    consumer = bus.consumer("g", ["spans"])
    polls: list[int] = []
    async with asyncio.timeout(DEADLINE):
        while sum(polls) < 1010:
            batches = await consumer.poll(max_bytes=500)
            polls.append(sum(len(record.value) for batch in batches.values() for record in batch))
    assert 1010 not in polls


async def test_no_partition_starves_under_a_small_max_bytes(bus: Bus) -> None:
    await bus.create_topic("spans", partitions=2)
    for partition in (0, 1):
        await fill(bus, [bytes(1000)] * 20, partition)
    consumer = bus.consumer("g", ["spans"])
    records = await take(consumer, 20, max_bytes=1000)
    assert {record.partition for record in records} == {0, 1}


async def test_two_members_share_the_partitions_and_never_own_one_at_once(bus: Bus) -> None:
    await bus.create_topic("spans", partitions=4)
    first, second = bus.consumer("g", ["spans"]), bus.consumer("g", ["spans"])
    await poll_until(lambda: len(first.assignment) == 4, first)

    def shared() -> bool:
        assert not first.assignment & second.assignment
        return len(first.assignment) == 2 == len(second.assignment)

    await poll_until(shared, first, second)
    await second.close()
    await poll_until(lambda: len(first.assignment) == 4, first)


async def test_groups_do_not_share_partitions(bus: Bus) -> None:
    await bus.create_topic("spans", partitions=2)
    first, second = bus.consumer("g", ["spans"]), bus.consumer("h", ["spans"])
    await poll_until(lambda: first.assignment == BOTH == second.assignment, first, second)


async def test_a_new_owner_goes_on_where_the_old_one_committed(bus: Bus) -> None:
    await fill(bus, numbered(10))
    first = bus.consumer("g", ["spans"])
    await take(first, 10)
    await first.commit({P0: Committed(6, "half")})
    await first.close()
    second = bus.consumer("g", ["spans"])
    records = await take(second, 4)
    assert [record.offset for record in records] == [6, 7, 8, 9]
    assert await second.committed(P0) == Committed(6, "half")


async def test_the_listener_hears_of_every_change_inside_poll(bus: Bus) -> None:
    await bus.create_topic("spans", partitions=2)
    heard = Listener()
    first = bus.consumer("g", ["spans"], heard)
    await poll_until(lambda: first.assignment == BOTH, first)
    assert heard.owned == BOTH
    second = bus.consumer("g", ["spans"])
    calls = len(heard.calls)
    await poll_until(lambda: bool(second.assignment), second, first)
    assert len(heard.calls) > calls
    assert heard.owned == first.assignment
    await first.close()
    assert heard.owned == set()
    assert heard.calls[-1][0] == "revoked"


async def test_a_commit_inside_on_revoked_counts_for_the_next_owner(bus: Bus) -> None:
    await fill(bus, numbered(10))
    heard = Listener()
    first = bus.consumer("g", ["spans"], heard)

    async def finish(partitions: frozenset[TopicPartition]) -> None:
        assert partitions <= first.assignment
        await first.commit(dict.fromkeys(partitions, Committed(7)))

    heard.revoking = finish
    await take(first, 10)
    await first.close()
    records = await take(bus.consumer("g", ["spans"]), 3)
    assert records[0].offset == 7


async def test_commits_for_a_partition_that_moved_are_fenced(bus: Bus) -> None:
    await bus.create_topic("spans", partitions=2)
    first, second = bus.consumer("g", ["spans"]), bus.consumer("g", ["spans"])
    await poll_until(lambda: first.assignment == BOTH, first)
    await poll_until(lambda: len(second.assignment) == 1 == len(first.assignment), first, second)
    (kept,), (moved,) = first.assignment, second.assignment
    with pytest.raises(Fenced, match="cannot commit"):
        await first.commit({kept: Committed(1), moved: Committed(1)})
    assert await first.committed(kept) is None, "all of it or none"
    await second.commit({moved: Committed(0)})
    await second.close()
    with pytest.raises(Fenced):
        await second.commit({moved: Committed(1)})


async def test_there_is_no_progress_before_the_first_commit(bus: Bus) -> None:
    await fill(bus, numbered(1))
    consumer = bus.consumer("g", ["spans"])
    await take(consumer, 1)
    assert await consumer.committed(P0) is None


async def test_progress_and_metadata_are_kept_together_and_replaced_together(bus: Bus) -> None:
    await fill(bus, numbered(5))
    consumer = bus.consumer("g", ["spans"])
    await take(consumer, 5)
    for progress in (Committed(2, "intent → 2-4"), Committed(5), Committed(3, "back")):
        await consumer.commit({P0: progress})
        assert await consumer.committed(P0) == progress


async def test_paused_partitions_stay_silent_and_owned(bus: Bus) -> None:
    await bus.create_topic("spans", partitions=2)
    consumer = bus.consumer("g", ["spans"])
    await poll_until(lambda: consumer.assignment == BOTH, consumer)
    consumer.pause(P0)
    for partition in (0, 1):
        await fill(bus, numbered(3), partition)
    assert {record.partition for record in await take(consumer, 3)} == {1}
    assert await consumer.poll(timeout=0.1) == {}
    assert consumer.assignment == BOTH
    consumer.resume(P0)
    assert await positions_of(consumer, 3) == [("spans", 0, offset) for offset in range(3)]


async def positions_of(consumer: Consumer, count: int) -> list[tuple[str, int, int]]:
    return [
        (record.topic, record.partition, record.offset) for record in await take(consumer, count)
    ]


async def test_seek_reads_on_from_any_held_offset(bus: Bus) -> None:
    await fill(bus, numbered(10))
    consumer = bus.consumer("g", ["spans"])
    await take(consumer, 10)
    consumer.seek(P0, 8)
    assert [record.offset for record in await take(consumer, 2)] == [8, 9]
    consumer.seek(P0, 0)
    assert [record.offset for record in await take(consumer, 10)] == list(range(10))


async def test_a_position_that_is_not_held_raises_until_a_seek(bus: Bus) -> None:
    await fill(bus, numbered(3))
    consumer = bus.consumer("g", ["spans"])
    await take(consumer, 3)
    consumer.seek(P0, 99)
    for _ in range(2):
        with pytest.raises(OffsetOutOfRange, match="seek"):
            await poll_until(lambda: False, consumer)
    consumer.seek(P0, 2)
    assert [record.offset for record in await take(consumer, 1)] == [2]


async def test_read_returns_exactly_the_range(bus: Bus) -> None:
    await asyncio.gather(
        *(bus.send("spans", Message(value), partition=0) for value in numbered(100))
    )
    for first, last in ((0, 99), (17, 17), (98, 99), (0, 0), (31, 62)):
        records = await bus.read(P0, first, last)
        assert [record.offset for record in records] == list(range(first, last + 1))
    assert list(await bus.read(P0, 5, 4)) == []


@pytest.mark.parametrize(("first", "last"), [(0, 3), (3, 3), (2, 99), (-1, 1)])
async def test_read_refuses_a_range_that_is_not_held(bus: Bus, first: int, last: int) -> None:
    await fill(bus, numbered(3))
    with pytest.raises(OffsetOutOfRange):
        await bus.read(P0, first, last)


async def test_lag_counts_what_a_group_has_not_committed(bus: Bus) -> None:
    await bus.create_topic("spans", partitions=2)
    await fill(bus, numbered(5))
    fresh = await bus.lag("g", "spans")
    assert [(lag.partition, lag.committed, lag.end, lag.messages) for lag in fresh] == [
        (0, 0, 5, 5),
        (1, 0, 0, 0),
    ]
    assert fresh[1].oldest_pending_ms is None
    consumer = bus.consumer("g", ["spans"])
    records = await take(consumer, 5)
    assert fresh[0].oldest_pending_ms == records[0].timestamp_ms
    await consumer.commit({P0: Committed(3)})
    lag = (await bus.lag("g", "spans"))[0]
    assert (lag.committed, lag.messages, lag.oldest_pending_ms) == (3, 2, records[3].timestamp_ms)
    await consumer.commit({P0: Committed(5)})
    assert (await bus.lag("g", "spans"))[0].oldest_pending_ms is None
    assert await bus.lag("g", "no-such-topic") == []


async def test_records_come_in_order_under_concurrent_sends_by_key(bus: Bus) -> None:
    await bus.create_topic("spans", partitions=3)

    async def send_in_order(key: bytes) -> None:
        for value in numbered(30):
            await bus.send("spans", Message(value, key=key))

    keys = [b"key-%d" % number for number in range(8)]
    await asyncio.gather(*(send_in_order(key) for key in keys))
    seen = defaultdict(list)
    for record in await take(bus.consumer("g", ["spans"]), 240):
        seen[record.key].append(record.value)
    assert dict(seen) == {key: numbered(30) for key in keys}


async def test_closing_twice_is_safe_and_ends_everything(bus_factory: BusFactory) -> None:
    bus = await bus_factory.open()
    await fill(bus, numbered(1))
    consumer = bus.consumer("g", ["spans"])
    await take(consumer, 1)
    polling = asyncio.create_task(consumer.poll(timeout=DEADLINE))
    await asyncio.sleep(0)
    await asyncio.gather(bus.close(), bus.close())
    await bus.close()
    with pytest.raises(BusError, match="closed"):
        await asyncio.wait_for(polling, DEADLINE / 2)
    with pytest.raises(BusError, match="closed"):
        await bus.send("spans", Message(b"x"))
    await consumer.close()
    await consumer.close()
    with pytest.raises(BusError, match="closed"):
        await consumer.poll()


async def test_sends_under_way_are_flushed_by_close(bus_factory: BusFactory) -> None:
    if not bus_factory.durable:
        pytest.skip("keeps nothing")
    bus = await bus_factory.open()
    await bus.create_topic("spans", partitions=1)
    sends = [asyncio.create_task(bus.send("spans", Message(value))) for value in numbered(100)]
    await asyncio.sleep(0)
    await bus.close()
    positions = await asyncio.gather(*sends)
    bus = await bus_factory.open()
    stored = await bus.read(P0, 0, 99)
    assert [stored[position.offset].value for position in positions] == numbered(100)
