"""The contract of the bus: reading without a group, lag, restarts and closing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.contracts.steps import DEADLINE, Own, fill, numbered, take

from sightline_core.bus.protocol import Committed, Message
from sightline_core.errors import BusError, OffsetOutOfRange

if TYPE_CHECKING:
    from tests.contracts.conftest import BusFactory

    from sightline_core.bus.protocol import Bus


async def test_what_was_sent_and_committed_survives_a_restart(
    durable_factory: BusFactory, own: Own
) -> None:
    bus = await durable_factory.open()
    await bus.create_topic(f"{own.topic}-empty", partitions=3)
    await fill(bus, own.topic, numbered(10))
    consumer = bus.consumer(own.group, [own.topic])
    await take(consumer, 10)
    await consumer.commit({own.p0: Committed(4, "intent 4-7")})
    await bus.close()

    bus = await durable_factory.open()
    assert await bus.partitions(f"{own.topic}-empty") == 3
    assert (await bus.send(own.topic, Message(b"10"))).offset == 10
    consumer = bus.consumer(own.group, [own.topic])
    records = await take(consumer, 7)
    assert [record.value for record in records] == numbered(11)[4:]
    assert await consumer.committed(own.p0) == Committed(4, "intent 4-7")


async def test_read_returns_exactly_the_range(bus: Bus, own: Own) -> None:
    await asyncio.gather(
        *(bus.send(own.topic, Message(value), partition=0) for value in numbered(100))
    )
    for first, last in ((0, 99), (17, 17), (98, 99), (0, 0), (31, 62)):
        records = await bus.read(own.p0, first, last)
        assert [record.offset for record in records] == list(range(first, last + 1))
    assert list(await bus.read(own.p0, 5, 4)) == []


@pytest.mark.parametrize(("first", "last"), [(0, 3), (3, 3), (2, 99), (-1, 1)])
async def test_read_refuses_a_range_that_is_not_held(
    bus: Bus, first: int, last: int, own: Own
) -> None:
    await fill(bus, own.topic, numbered(3))
    with pytest.raises(OffsetOutOfRange):
        await bus.read(own.p0, first, last)


async def test_lag_counts_what_a_group_has_not_committed(bus: Bus, own: Own) -> None:
    await bus.create_topic(own.topic, partitions=2)
    await fill(bus, own.topic, numbered(5))
    fresh = await bus.lag(own.group, own.topic)
    assert [(lag.partition, lag.committed, lag.end, lag.messages) for lag in fresh] == [
        (0, 0, 5, 5),
        (1, 0, 0, 0),
    ]
    assert fresh[1].oldest_pending_ms is None
    consumer = bus.consumer(own.group, [own.topic])
    records = await take(consumer, 5)
    assert fresh[0].oldest_pending_ms == records[0].timestamp_ms
    await consumer.commit({own.p0: Committed(3)})
    lag = (await bus.lag(own.group, own.topic))[0]
    assert (lag.committed, lag.messages, lag.oldest_pending_ms) == (3, 2, records[3].timestamp_ms)
    await consumer.commit({own.p0: Committed(5)})
    assert (await bus.lag(own.group, own.topic))[0].oldest_pending_ms is None
    assert await bus.lag(own.group, f"{own.topic}-missing") == []


async def test_closing_twice_is_safe_and_ends_everything(bus_factory: BusFactory, own: Own) -> None:
    bus = await bus_factory.open()
    await fill(bus, own.topic, numbered(1))
    consumer = bus.consumer(own.group, [own.topic])
    await take(consumer, 1)
    polling = asyncio.create_task(consumer.poll(timeout=DEADLINE))
    await asyncio.sleep(0)
    await asyncio.gather(bus.close(), bus.close())
    await bus.close()
    with pytest.raises(BusError, match="closed"):
        await asyncio.wait_for(polling, DEADLINE / 2)
    with pytest.raises(BusError, match="closed"):
        await bus.send(own.topic, Message(b"x"))
    await consumer.close()
    await consumer.close()
    with pytest.raises(BusError, match="closed"):
        await consumer.poll()


async def test_sends_under_way_are_flushed_by_close(durable_factory: BusFactory, own: Own) -> None:
    bus = await durable_factory.open()
    await bus.create_topic(own.topic, partitions=1)
    sends = [asyncio.create_task(bus.send(own.topic, Message(value))) for value in numbered(100)]
    await asyncio.sleep(0)
    await bus.close()
    positions = await asyncio.gather(*sends)
    bus = await durable_factory.open()
    stored = await bus.read(own.p0, 0, 99)
    assert [stored[position.offset].value for position in positions] == numbered(100)
