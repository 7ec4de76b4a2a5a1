"""Members that stop polling, fail in their listener, or commit while they lose a partition."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from sightline_core.bus.embedded import EmbeddedBus
from sightline_core.bus.protocol import Committed, Message, TopicPartition
from sightline_core.errors import Fenced

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

P0 = TopicPartition("spans", 0)


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[EmbeddedBus]:
    bus = EmbeddedBus(tmp_path, max_poll_seconds=0.05)
    await bus.send("spans", Message(b"x"))
    yield bus
    await bus.close()


class Witness:
    """Counts calls; commits when revoked; fails on demand."""

    def __init__(self) -> None:
        self.assigned = 0
        self.revoked = 0
        self.failing = False

    async def on_assigned(self, _: frozenset[TopicPartition]) -> None:
        if self.failing:
            raise RuntimeError("not now")
        self.assigned += 1

    async def on_revoked(self, _: frozenset[TopicPartition]) -> None:
        self.revoked += 1


async def test_a_member_that_does_not_poll_loses_its_partitions_to_one_that_waits(
    bus: EmbeddedBus,
) -> None:
    witness = Witness()
    stuck, fresh = bus.consumer("g", ["spans"], witness), bus.consumer("g", ["spans"])
    await stuck.poll(timeout=0)
    async with asyncio.timeout(20):
        while not fresh.assignment:
            await fresh.poll()
    with pytest.raises(Fenced):
        await stuck.commit({P0: Committed(1)})
    await fresh.commit({P0: Committed(1)})
    await fresh.close()
    async with asyncio.timeout(20):
        while witness.assigned < 2:
            await stuck.poll(timeout=0)
    assert witness.revoked == 1, "it heard of the loss when it came back"
    assert await stuck.poll(timeout=0) == {}, "the record was processed by the other"


async def test_a_member_that_waits_in_poll_is_not_stuck(bus: EmbeddedBus) -> None:
    await bus.create_topic("spans", partitions=2)
    first, second = bus.consumer("g", ["spans"]), bus.consumer("g", ["spans"])
    first_polls = asyncio.create_task(first.poll(timeout=0))
    await first_polls
    polling = asyncio.create_task(first.poll(timeout=20))
    async with asyncio.timeout(20):
        while not second.assignment:
            await second.poll(timeout=0.01)
    assert len(first.assignment) == 1
    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)


async def test_a_listener_that_failed_is_asked_again(bus: EmbeddedBus) -> None:
    witness = Witness()
    witness.failing = True
    consumer = bus.consumer("g", ["spans"], witness)
    with pytest.raises(RuntimeError, match="not now"):
        await consumer.poll()
    witness.failing = False
    assert (await consumer.poll())[P0][0].value == b"x"
    assert witness.assigned == 1


async def test_a_cancelled_poll_loses_no_records(bus: EmbeddedBus) -> None:
    consumer = bus.consumer("g", ["spans"])
    for _ in range(20):
        polling = asyncio.create_task(consumer.poll())
        await asyncio.sleep(0)
        polling.cancel()
        await asyncio.gather(polling, return_exceptions=True)
    assert (await consumer.poll())[P0][0].offset == 0


async def test_a_new_owner_waits_for_a_commit_that_is_under_way(bus: EmbeddedBus) -> None:
    first, second = bus.consumer("g", ["spans"]), bus.consumer("g", ["spans"])
    await first.poll()
    commit = asyncio.create_task(first.commit({P0: Committed(1, "done")}))
    await asyncio.sleep(0)
    commit.cancel()
    await first.close()
    async with asyncio.timeout(20):
        while not second.assignment:
            await second.poll(timeout=0.01)
    assert await second.committed(P0) == Committed(1, "done")
    assert await second.poll(timeout=0) == {}
