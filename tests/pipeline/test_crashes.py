"""Crashes at every point of a batch's way lose and repeat nothing, on every bus (design D4)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from tests.pipeline.running import (
    GOOD,
    Crash,
    Faults,
    FaultyBus,
    FaultyStore,
    SlowStore,
    faults,
    once,
)

from sightline_core.bus.protocol import TopicPartition
from sightline_core.errors import OffsetOutOfRange
from sightline_core.wire.names import Signal

if TYPE_CHECKING:
    from tests.pipeline.running import Run


@pytest.mark.parametrize(
    ("point", "bus_faults", "store_faults"),
    [
        ("before the intent", Faults(before=[Crash()]), Faults()),
        ("after the intent", Faults(after=[Crash()]), Faults()),
        ("before the insert", Faults(), Faults(before=[Crash()])),
        ("after the insert", Faults(), Faults(after=[Crash()])),
        ("before the commit", Faults(before=[None, Crash()]), Faults()),
        ("after the commit", Faults(after=[None, Crash()]), Faults()),
    ],
    ids=lambda given: given.replace(" ", "-") if isinstance(given, str) else "",
)
async def test_a_crash_at_any_point_loses_and_repeats_nothing(
    run_anywhere: Run, point: str, bus_faults: Faults, store_faults: Faults
) -> None:
    run = run_anywhere
    on_bus, on_store = (Faults([*f.before], [*f.after]) for f in (bus_faults, store_faults))
    await run.send_spans()
    bus = FaultyBus(await run.bus(), on_bus)
    await run.until_crash(bus, FaultyStore(run.lane.store, on_store))
    await run.send_spans()
    await run.until_done()
    assert run.books() == once(2 * GOOD)


@pytest.mark.parametrize("late", ["before the replay", "beside the replay", "after the replay"])
async def test_a_crash_during_an_insert_loses_and_repeats_nothing(
    run_anywhere: Run, late: str
) -> None:
    """The store goes on with what it was given, whatever became of the pipeline."""
    run = run_anywhere
    await run.send_spans()
    store = SlowStore(run.lane.store)
    pipeline = run.pipeline(await run.bus(), store)
    orphan: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    insert = store.insert_protobuf

    def insert_and_tell(*given: Any, **named: Any) -> None:
        insert(*given, **named)
        orphan.get_loop().call_soon_threadsafe(orphan.set_result, None)

    store.insert_protobuf = insert_and_tell  # type: ignore[method-assign]
    await pipeline.start()
    await asyncio.to_thread(store.entered.wait)
    (lane,) = pipeline._streams[0]._lanes.values()
    assert lane.running is not None
    for task in (lane.running, *pipeline._tasks):
        task.cancel()
    await asyncio.gather(lane.running, *pipeline._tasks, return_exceptions=True)
    await run.crash()
    if late == "before the replay":
        store.go_on.set()
        await orphan
    await run.send_spans()
    if late == "beside the replay":
        store.go_on.set()
    await run.until_done()
    store.go_on.set()
    await orphan
    assert run.books() == once(2 * GOOD)


async def test_crash_after_crash_loses_and_repeats_nothing(run: Run) -> None:
    for plan in ("after", "before", "after"):
        await run.send_spans(3)
        store = FaultyStore(run.lane.store, faults(plan, Crash()))
        await run.until_crash(await run.bus(), store)
    pipeline = await run.until_done()
    assert run.books() == once(9)
    assert pipeline.stats.signals[Signal.TRACES].replayed_batches == 1


async def test_a_replay_inserts_the_exact_range_even_when_more_has_come(run: Run) -> None:
    await run.send_spans(3)
    await run.until_crash(await run.bus(), FaultyStore(run.lane.store, Faults(after=[Crash()])))
    await run.send_spans(5)
    store = FaultyStore(run.lane.store)
    await run.until_done(store=store)
    assert run.books() == once(8)
    assert store.faults.seen == 2


@pytest.mark.parametrize("stored", [False, True])
async def test_what_is_held_of_a_range_in_doubt_is_stored_once(
    run_anywhere: Run, *, stored: bool
) -> None:
    """Retention took its first two messages, whose insert nobody knows the end of."""
    run = run_anywhere
    await run.send_spans(6)
    plan = faults("after" if stored else "before", Crash())
    await run.until_crash(await run.bus(), FaultyStore(run.lane.store, plan))
    bus = await run.bus()
    partition = TopicPartition(Signal.TRACES.topic, 0)
    read = bus.read

    class Shorter:
        def __getattr__(self, name: str) -> Any:
            return getattr(bus, name)

        async def read(self, asked: TopicPartition, first: int, last: int) -> Any:
            if asked == partition and first < 2:
                raise OffsetOutOfRange("it holds 2 to 5", partition=partition, nearest=2)
            return await read(asked, first, last)

    await run.send_spans(1)
    await run.until_done(Shorter())
    assert run.books() == once(7 if stored else 5)
    (gap,) = run.lane.store.rows(
        "SELECT FirstOffset, LastOffset, Reason FROM sightline_gaps FINAL WHERE Topic = {t:String}",
        {"t": partition.topic},
    )
    last = 5 if stored else 1
    assert gap == {"FirstOffset": 0, "LastOffset": last, "Reason": "in_doubt"}


async def test_a_range_in_doubt_that_is_gone_is_counted_and_the_rest_goes_on(run: Run) -> None:
    await run.send_spans(3)
    await run.until_crash(await run.bus(), FaultyStore(run.lane.store, Faults(before=[Crash()])))
    await run.send_spans(2)
    real = await run.bus()
    real._log(TopicPartition(Signal.TRACES.topic, 0)).start = 3
    pipeline = await run.until_done()
    assert pipeline.stats.signals[Signal.TRACES].gaps == 1
    assert run.books() == once(2)
