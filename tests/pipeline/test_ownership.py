"""Several pipelines in one group: each range has one writer, and who lost it writes no more."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from tests.pipeline.running import Crash, Faults, FaultyBus, SlowStore, group, once

from sightline_core.bus.memory import MemoryBus
from sightline_core.bus.protocol import Committed, Message, TopicPartition
from sightline_core.errors import StoreUnavailable
from sightline_core.wire.names import Signal
from sightline_pipeline import worker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.pipeline.running import Run

    from sightline_core.store.client import Store


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - plain counters
            await asyncio.sleep(0.01)


class CountingStore:
    """The real store; counts inserts by token, on behalf of one pipeline."""

    def __init__(self, real: Store) -> None:
        self.real = real
        self.tokens: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def insert_protobuf(
        self, table: str, body: Sequence[bytes], *, schema: str, token: str
    ) -> None:
        self.tokens.append(token)
        self.real.insert_protobuf(table, body, schema=schema, token=token)


async def test_pipelines_come_and_go_and_every_message_counts_once(run_anywhere: Run) -> None:
    run = run_anywhere
    run.settings = run.settings.model_copy(update={"bus_partitions": 4, "batch_max_bytes": 8192})
    bus = await run.bus()
    await bus.create_topic(Signal.TRACES.topic, partitions=4)
    stores = [CountingStore(run.lane.store) for _ in range(3)]
    pipelines = [run.pipeline(bus, store) for store in stores]

    async def send(count: int) -> None:
        for _ in range(count):
            run.sent += 1
            message = Message(run.span(run.sent))
            await bus.send(Signal.TRACES.topic, message, partition=run.sent % 4)

    await send(20)
    await pipelines[0].start()
    await pipelines[1].start()
    await send(20)
    await pipelines[2].start()
    await send(20)
    await pipelines[0].stop()
    await send(20)
    await pipelines[1].stop()
    async with asyncio.timeout(30):
        while any(  # noqa: ASYNC110 - asked of the bus
            lag.messages for lag in await bus.lag(group(), Signal.TRACES.topic)
        ):
            await asyncio.sleep(0.02)
    await pipelines[2].stop()
    assert run.books() == once(80)
    tokens = [token for store in stores for token in store.tokens]
    ranges = [tuple(map(int, token.rsplit("-", 4)[1:4])) for token in tokens
              if token.startswith(Signal.TRACES.topic)]  # fmt: skip
    seen: set[tuple[int, int]] = set()
    for partition, first, last in set(ranges):
        offsets = {(partition, offset) for offset in range(first, last + 1)}
        assert not offsets & seen, "a record was in two different ranges"
        seen |= offsets


async def test_an_owner_that_was_stopped_asks_before_it_inserts(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has committed its intent, sleeps, and wakes when another has the partition."""
    monkeypatch.setattr(worker, "CONFIRM_SECONDS", 0.0)
    await run.send_spans(3)
    bus = await run.bus()
    store = CountingStore(run.lane.store)
    pipeline = run.pipeline(bus, store)
    reached, go_on = asyncio.Event(), asyncio.Event()
    deliver = pipeline._streams[0]._delivery.deliver

    async def stopped(*given: Any) -> Any:
        reached.set()
        await go_on.wait()
        return await deliver(*given)

    monkeypatch.setattr(pipeline._streams[0]._delivery, "deliver", stopped)
    await pipeline.start()
    await reached.wait()
    (lane,) = pipeline._streams[0]._lanes.values()
    members = bus._groups._groups[group()]
    members.leave(pipeline._streams[0]._consumer)  # expelled
    heir = bus.consumer(group(), [Signal.TRACES.topic])
    await heir.poll(timeout=0)
    go_on.set()
    assert lane.running is not None
    await asyncio.wait([lane.running])
    assert store.tokens == []
    await pipeline.stop()
    await heir.close()
    await run.until_done()
    assert run.books() == once(3)


async def test_a_partition_is_left_although_the_store_hangs(run: Run) -> None:
    run.settings = run.settings.model_copy(update={"pipeline_drain_seconds": 0.2})
    await run.send_spans(3)
    store = SlowStore(run.lane.store)
    bus = await run.bus()
    pipeline = run.pipeline(bus, store)
    await pipeline.start()
    await asyncio.to_thread(store.entered.wait)
    await asyncio.wait_for(pipeline.stop(), 5)
    committed = await run.committed()
    assert committed == Committed(0, "insert 0-2"), "the range stays in doubt"
    store.go_on.set()
    await run.until_done()
    assert run.books() == once(3)


async def test_what_is_held_in_memory_is_bounded_while_the_store_hangs(run: Run) -> None:
    limit = 1 << 20
    run.settings = run.settings.model_copy(
        update={"pipeline_max_bytes": limit, "bus_partitions": 8, "batch_max_bytes": 1 << 20}
    )
    bus = MemoryBus()
    await bus.create_topic(Signal.TRACES.topic, partitions=8)
    value = run.span(1)
    for number in range(8 * 2000):
        await bus.send(Signal.TRACES.topic, Message(value), partition=number % 8)
    store = SlowStore(run.lane.store)
    pipeline = run.pipeline(bus, store)
    await pipeline.start()
    await asyncio.to_thread(store.entered.wait)
    await until(lambda: pipeline.held_bytes >= limit)
    running = pipeline.inserts_in_flight
    assert running >= 1
    most = 0
    for _ in range(30):
        await asyncio.sleep(0.01)
        most = max(most, pipeline.held_bytes)
    poll = worker_poll_weight(len(value))
    assert most <= limit + 8 * poll
    store.go_on.set()
    await pipeline.stop()


def worker_poll_weight(size: int) -> int:
    """Return what one poll can add at most: its bytes, and the weight of its messages."""
    return 2000 * (size + 1024)


async def test_inserts_in_flight_are_bounded(run: Run) -> None:
    running = most = 0
    bus = MemoryBus()
    run.settings = run.settings.model_copy(update={"bus_partitions": 6})
    await bus.create_topic(Signal.TRACES.topic, partitions=6)
    for number in range(60):
        await bus.send(Signal.TRACES.topic, Message(run.span(number + 1)), partition=number % 6)

    class Watching(CountingStore):
        def insert_protobuf(
            self, table: str, body: Sequence[bytes], *, schema: str, token: str
        ) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            super().insert_protobuf(table, body, schema=schema, token=token)
            running -= 1

    pipeline = run.pipeline(bus, Watching(run.lane.store))
    await pipeline.start()
    stats = pipeline.stats.signals[Signal.TRACES]
    await until(lambda: stats.messages == 60)
    await pipeline.stop()
    assert most <= run.settings.pipeline_inserts_in_flight
    assert run.books() == once(60)


async def test_who_stops_while_a_partition_moves_waits_for_its_insert(run: Run) -> None:
    """Stopping interrupts the rebalance; the insert under way must not go on by itself."""
    await run.send_spans(3)
    store = SlowStore(run.lane.store)
    bus = await run.bus()
    pipeline = run.pipeline(bus, store)
    await pipeline.start()
    await asyncio.to_thread(store.entered.wait)
    stream = pipeline._streams[0]
    (lane,) = stream._lanes.values()
    insert = lane.running
    assert insert is not None
    moving = asyncio.create_task(stream.on_revoked(frozenset(stream._lanes)))
    await until(lambda: lane.leaving)
    moving.cancel()
    await asyncio.wait([moving])
    stopping = asyncio.create_task(pipeline.stop())
    await asyncio.wait([stopping], timeout=0.2)
    assert not insert.done()
    assert not stopping.done()
    store.go_on.set()
    await stopping
    assert insert.done()
    assert pipeline.held_bytes == 0
    assert await run.committed() == Committed(3)
    assert run.books() == once(3)


@pytest.mark.parametrize("gone", ["before it was read", "in doubt"])
async def test_a_gap_is_in_the_store_before_progress_says_so(run: Run, gone: str) -> None:
    """The process dies at the first commit behind the gap; the next one would not see it."""
    partition = TopicPartition(Signal.TRACES.topic, 0)
    await run.send_spans(9)
    bus = await run.bus()
    intent = Committed(2, "insert 2-5") if gone == "in doubt" else Committed(2)
    await bus.store(group(), {partition: intent})
    bus._log(partition).start = 6
    failing = 3

    class Away(CountingStore):
        def command(self, sql: str, *given: Any, **named: Any) -> Any:
            nonlocal failing
            if "sightline_gaps" in sql and failing:
                failing -= 1
                raise StoreUnavailable("away", code=210)
            return self.real.command(sql, *given, **named)

    faulty = FaultyBus(bus, Faults(after=[Crash()]))
    pipeline = run.pipeline(faulty, Away(run.lane.store))
    await pipeline.start()
    with pytest.raises(Crash):
        await pipeline.wait()
    (row,) = run.lane.store.rows(
        "SELECT FirstOffset, LastOffset FROM sightline_gaps FINAL WHERE Topic = {topic:String}",
        {"topic": partition.topic},
    )
    for task in pipeline._tasks:
        task.cancel()
    await asyncio.gather(*pipeline._tasks, return_exceptions=True)
    assert row == {"FirstOffset": 2, "LastOffset": 5}
    await run.crash()


@pytest.mark.parametrize("session", [0.5, 6, 30, 1800])
async def test_ownership_is_confirmed_well_within_a_session(run: Run, session: float) -> None:
    run.settings = run.settings.model_copy(update={"kafka_session_timeout_seconds": session})
    access = run.pipeline(await run.bus())._streams[0]._access
    assert 0 < access.confirm_seconds <= min(3, session / 3)


async def test_a_gap_is_a_row_in_the_store(run: Run) -> None:
    await run.send_spans(9)
    bus = await run.bus()
    partition = TopicPartition(Signal.TRACES.topic, 0)
    await bus.store(group(), {partition: Committed(2)})
    bus._log(partition).start = 6
    pipeline = await run.until_done()
    assert pipeline.stats.signals[Signal.TRACES].gaps == 1
    rows = run.lane.store.rows(
        "SELECT Partition, FirstOffset, LastOffset, Reason FROM sightline_gaps FINAL "
        "WHERE Topic = {topic:String}",
        {"topic": partition.topic},
    )
    assert rows == [{"Partition": 0, "FirstOffset": 2, "LastOffset": 5, "Reason": "expired"}]


async def test_a_process_reports_itself_and_that_it_left(run: Run) -> None:
    await run.send_spans(3)
    pipeline = run.pipeline(await run.bus())
    await pipeline.start()
    await until(lambda: pipeline.stats.signals[Signal.TRACES].messages == 3)

    def rows() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = run.lane.store.rows(
            "SELECT Component, State, Messages, GapsSkipped, StoreBreaker, Version, "
            "LastStoredReceivedAt > now() - 60 AS fresh, StoreDelaySeconds < 60 AS soon "
            "FROM sightline_component_status FINAL WHERE Topic = {topic:String}",
            {"topic": Signal.TRACES.topic},
        )
        return found

    await pipeline.reporter.report()
    (row,) = rows()
    assert row.pop("Version")
    assert row == {"Component": "pipeline", "State": "running", "Messages": 3, "GapsSkipped": 0,
                   "StoreBreaker": "closed", "fresh": 1, "soon": 1}  # fmt: skip
    await pipeline.stop()
    assert [row["State"] for row in rows()] == ["left"]
