"""A flood of invalid messages pauses its partition until a person lets it run again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.pipeline.running import once

from sightline_core.bus.protocol import TopicPartition
from sightline_core.wire.names import Signal
from sightline_pipeline import orders
from sightline_pipeline.flood import FloodGuard, FloodLimits
from sightline_pipeline.orders import Order, read_orders, save_order

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.pipeline.running import Run

GARBAGE = b"\x0a\xff\xff\xff\xff\x0fnot a request"
LIMITS = FloodLimits(in_a_row=5, share=0.5, window_seconds=60)


@dataclass
class Guarded:
    """A guard with a clock of its own."""

    now: float = 0.0
    guard: FloodGuard = field(init=False)

    def __post_init__(self) -> None:
        self.guard = FloodGuard(LIMITS, clock=lambda: self.now)


def test_so_many_in_a_row_are_a_flood_and_one_valid_message_ends_the_row() -> None:
    tested = Guarded()
    tested.guard.stored(1000)
    for _ in range(4):
        tested.guard.dead_lettered()
    assert tested.guard.verdict() == ""
    tested.guard.stored(1)
    tested.guard.dead_lettered()
    assert tested.guard.verdict() == ""
    for _ in range(4):
        tested.guard.dead_lettered()
    assert tested.guard.verdict() == "5 invalid messages in a row"


def test_a_share_of_the_window_is_a_flood_and_what_is_old_does_not_count() -> None:
    tested = Guarded()
    for _ in range(5):
        tested.guard.dead_lettered()
        tested.guard.stored(1)
    assert tested.guard.verdict() == ""
    tested.guard.dead_lettered()
    assert tested.guard.verdict() == "6 of 11 messages invalid within 60 seconds"
    tested.now += 62
    assert tested.guard.verdict() == ""


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 40)), max_size=80))
def test_the_guard_agrees_with_a_full_count(steps: list[tuple[bool, float]]) -> None:
    tested = Guarded()
    seen: list[tuple[float, bool]] = []
    for valid, pause in steps:
        tested.now += 1 + pause  # whole seconds apart: the guard adds up what is closer
        seen.append((tested.now, valid))
        tested.guard.stored(1) if valid else tested.guard.dead_lettered()
        recent = [ok for at, ok in seen if at >= tested.now - LIMITS.window_seconds]
        bad = recent.count(False)
        row = next((n for n, (_, ok) in enumerate(reversed(seen)) if ok), len(seen))
        flood = row >= 5 or (bad >= 5 and bad > 0.5 * len(recent))
        assert bool(tested.guard.verdict()) == flood


def test_no_limit_is_no_flood() -> None:
    guard = FloodGuard(FloodLimits(in_a_row=0, share=0.5, window_seconds=60))
    for _ in range(1000):
        guard.dead_lettered()
    assert guard.verdict() == ""


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - plain counters
            await asyncio.sleep(0.01)


@pytest.fixture
def quick(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(orders, "LOOK_SECONDS", 0.05)
    changed = {"flood_in_a_row": 5}
    run.settings = run.settings.model_copy(update=changed)
    return run


async def test_a_flood_pauses_and_outlives_a_restart_until_a_person_resumes(quick: Run) -> None:
    run = quick
    await run.send_spans(3)
    await run.send(*[GARBAGE] * 12)
    await run.send_spans(3)
    partition = TopicPartition(Signal.TRACES.topic, 0)
    pipeline = run.pipeline(await run.bus())
    await pipeline.start()
    stats = pipeline.stats.signals[Signal.TRACES].of(partition)
    await until(lambda: bool(stats.paused))
    assert stats.dead_lettered == 5
    assert read_orders(run.lane.store)[partition].reason == "flood"
    await pipeline.reporter.report()
    row = run.lane.store.rows(
        "SELECT State, PausedReason, Reason, DeadLettered, LagMessages "
        "FROM sightline_component_status FINAL WHERE Topic = {topic:String}",
        {"topic": partition.topic},
    )[0]
    assert row == {"State": "paused", "PausedReason": "flood", "DeadLettered": 5,
                   "Reason": "5 invalid messages in a row", "LagMessages": 10}  # fmt: skip
    await asyncio.wait_for(pipeline.stop(), 10)
    await run.crash()

    pipeline = run.pipeline(await run.bus())
    await pipeline.start()
    again = pipeline.stats.signals[Signal.TRACES].of(partition)
    for expected, before in ((5, 0), (2, 5)):
        await until(lambda: bool(again.paused))
        assert again.dead_lettered == before
        save_order(run.lane.store, partition, None, by="somebody")
        await until(lambda expected=expected, before=before:  # type: ignore[misc]
                    again.dead_lettered == before + expected)  # fmt: skip
    await pipeline.stop()
    await run.until_done()
    assert run.books() == once(6)
    assert len(await run.dead_letters()) == 12


async def test_a_repaired_cause_needs_no_dead_letters(quick: Run) -> None:
    """While the partition waits, a release makes the messages valid."""
    run = quick
    broken = True

    class Store:
        def __getattr__(self, name: str) -> object:
            return getattr(run.lane.store, name)

        def insert_protobuf(
            self, table: str, body: Sequence[bytes], *, schema: str, token: str
        ) -> None:
            whole = [GARBAGE] if broken and b"work" in b"".join(body) else body
            run.lane.store.insert_protobuf(table, whole, schema=schema, token=token)

    await run.send_spans(20)
    partition = TopicPartition(Signal.TRACES.topic, 0)
    pipeline = run.pipeline(await run.bus(), Store())
    await pipeline.start()
    stats = pipeline.stats.signals[Signal.TRACES].of(partition)
    await until(lambda: bool(stats.paused))
    broken = False
    save_order(run.lane.store, partition, None, by="somebody")
    await until(lambda: not stats.paused)
    await pipeline.stop()
    await run.until_done()
    assert run.books() == once(15)
    assert len(await run.dead_letters()) == 5


async def test_an_operator_pauses_and_resumes_a_partition(quick: Run) -> None:
    run = quick
    partition = TopicPartition(Signal.TRACES.topic, 0)
    save_order(run.lane.store, partition, Order("operator", "moving disks"), by="somebody")
    await run.send_spans(4)
    pipeline = run.pipeline(await run.bus())
    await pipeline.start()
    stats = pipeline.stats.signals[Signal.TRACES].of(partition)
    await until(lambda: stats.paused == "moving disks" and stats.oldest_in_hand is not None)
    assert run.books()["spans"] == 0
    save_order(run.lane.store, partition, None, by="somebody")
    await until(lambda: stats.messages == 4)
    await pipeline.stop()
    assert run.books() == once(4)
