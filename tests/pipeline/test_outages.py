"""Faults that pass are waited out, and stopping ends whatever is away."""

from __future__ import annotations

import asyncio

import pytest
from tests.pipeline.running import (
    GOOD,
    Faults,
    FaultyBus,
    FaultyStore,
    Run,
    SlowStore,
    faults,
    group,
    once,
)

from sightline_core.bus.protocol import Committed, Message, TopicPartition
from sightline_core.errors import BusUnavailable, StoreError, StoreUnavailable
from sightline_core.wire.names import Signal


@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_unavailable_store_is_waited_out(run: Run, when: str) -> None:
    await run.send_spans()
    failures = [StoreUnavailable("cannot reach it") for _ in range(7)]
    store = FaultyStore(run.lane.store, faults(when, *failures))
    pipeline = await run.until_done(store=store)
    assert run.books() == once(GOOD)
    assert await run.dead_letters() == []
    stats = pipeline.stats.signals[Signal.TRACES]
    assert (stats.retries, stats.failing, stats.messages) == (7, False, GOOD)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_bus_that_cannot_take_commits_is_waited_out(run: Run, when: str) -> None:
    await run.send_spans()
    failures = [BusUnavailable("busy") for _ in range(5)]
    await run.until_done(FaultyBus(await run.bus(), faults(when, *failures)))
    assert run.books() == once(GOOD)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_error_of_no_class_is_tried_again_before_anything_is_given_up(
    run: Run, when: str
) -> None:
    await run.send_spans()
    failures = [StoreError("what?", code=49) for _ in range(2)]
    await run.until_done(store=FaultyStore(run.lane.store, faults(when, *failures)))
    assert run.books() == once(GOOD)
    assert await run.dead_letters() == []


async def test_stopping_ends_although_the_store_is_away(run: Run) -> None:
    await run.send_spans()
    away: list[Exception | None] = [StoreUnavailable("away") for _ in range(100_000)]
    store = FaultyStore(run.lane.store, Faults(before=away))
    pipeline = run.pipeline(await run.bus(), store)
    await pipeline.start()
    while not pipeline.stats.signals[Signal.TRACES].failing:  # noqa: ASYNC110 - a plain counter
        await asyncio.sleep(0.01)
    await asyncio.wait_for(pipeline.stop(), timeout=10)
    await run.crash()
    await run.until_done()
    assert run.books() == once(GOOD)


async def test_stopping_finishes_an_insert_under_way(run: Run) -> None:
    await run.send_spans()
    store = SlowStore(run.lane.store)
    bus = await run.bus()
    pipeline = run.pipeline(bus, store)
    await pipeline.start()
    await asyncio.to_thread(store.entered.wait)
    stopping = asyncio.create_task(pipeline.stop())
    await asyncio.sleep(0)
    store.go_on.set()
    await stopping
    stored = bus.stored(group(), TopicPartition(Signal.TRACES.topic, 0))
    assert stored == Committed(GOOD)
    assert run.books() == once(GOOD)


async def test_records_that_retention_took_before_they_were_read_are_a_gap_not_a_stop(
    run: Run,
) -> None:
    bus = await run.bus()
    await bus.create_topic(Signal.TRACES.topic, partitions=2)
    for number in range(1, 21):
        message = Message(run.span(number))
        await bus.send(Signal.TRACES.topic, message, partition=number % 2)
    partition = TopicPartition(Signal.TRACES.topic, 0)
    await bus.store(group(), {partition: Committed(0)})
    bus._log(partition).start = 7
    pipeline = await run.until_done()
    assert pipeline.stats.signals[Signal.TRACES].gaps == 1
    assert run.books() == once(13)
