"""What happens for each class of error: hold, split, give up; and never harm to good data."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from tests.pipeline.running import FaultyStore, faults, once

from sightline_core.bus.protocol import Message
from sightline_core.errors import (
    OutOfMemory,
    PoisonBatch,
    SchemaMismatch,
    StoreDenied,
    StoreError,
    StoreUnavailable,
    TooManyPartitions,
)
from sightline_core.store.client import Role
from sightline_core.wire.names import Signal
from sightline_pipeline.breaker import State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.pipeline.running import Run

    from sightline_core.store.client import Store

BIG = b"the one that does not fit"


@dataclass
class PickyStore:
    """The real store, but `refuse` says per body which error it raises; `after` storing or not."""

    real: Store
    refuse: Callable[[bytes], Exception | None]
    after: bool = False
    tokens: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def insert_protobuf(
        self, table: str, body: Sequence[bytes], *, schema: str, token: str
    ) -> None:
        self.tokens.append(token)
        error = self.refuse(b"".join(body))
        if error is not None and not self.after:
            raise error
        self.real.insert_protobuf(table, body, schema=schema, token=token)
        if error is not None:
            raise error


@pytest.mark.parametrize("kind", [StoreUnavailable, StoreDenied, SchemaMismatch])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_what_fails_for_everybody_is_held_and_never_given_up(
    run: Run, kind: type[StoreError], when: str
) -> None:
    await run.send_spans(5)
    store = FaultyStore(run.lane.store, faults(when, *[kind("no", code=1) for _ in range(6)]))
    pipeline = await run.until_done(store=store)
    assert run.books() == once(5)
    assert await run.dead_letters() == []
    assert pipeline.breakers["store"].opened == 1
    assert pipeline.breakers["store"].state is State.CLOSED


@pytest.mark.parametrize("kind", [StoreDenied, SchemaMismatch])
async def test_what_a_person_must_repair_opens_the_breaker_at_once(
    run: Run, kind: type[StoreError]
) -> None:
    await run.send_spans(2)
    store = FaultyStore(run.lane.store, faults("before", kind("no", code=1)))
    pipeline = await run.until_done(store=store)
    assert pipeline.breakers["store"].opened == 1


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (OutOfMemory, "too_large"),
        (TooManyPartitions, "too_many_partitions"),
        (PoisonBatch, "engine_7"),
        (StoreError, "engine_7"),
    ],
)
async def test_one_message_that_fails_while_others_are_stored_is_given_up_alone(
    run: Run, kind: type[StoreError], reason: str
) -> None:
    await run.send_spans(4)
    await run.send(run.span(99) + b"\xc2\x3e\x19" + BIG)  # a field that nobody knows
    await run.send_spans(4)
    store = PickyStore(run.lane.store, lambda body: kind("no", code=7) if BIG in body else None)
    await run.until_done(store=store)
    assert run.books() == once(8)
    (letter,) = await run.dead_letters()
    assert BIG in letter.value
    assert letter.header("sightline-dlq-reason") == reason.encode()


@pytest.mark.parametrize("kind", [OutOfMemory, TooManyPartitions, PoisonBatch, StoreError])
async def test_what_fails_for_the_probe_too_is_not_the_message_s_fault(
    run: Run, kind: type[StoreError]
) -> None:
    """Every insert fails often, then none: a schema that is gone for a while, say."""
    await run.send_spans(6)
    left = iter(range(24))
    store = PickyStore(
        run.lane.store,
        lambda _: kind("no", code=7) if next(left, None) is not None else None,
    )
    await run.until_done(store=store)
    assert run.books() == once(6)
    assert await run.dead_letters() == []


@pytest.mark.parametrize("kind", [OutOfMemory, TooManyPartitions, PoisonBatch, StoreError])
async def test_a_range_that_is_stored_in_part_is_never_split(
    run: Run, kind: type[StoreError]
) -> None:
    """Its parts would carry other tokens, and what is stored would be stored again."""
    await run.send_spans(6)
    left = iter(range(6))

    def fail(body: bytes) -> Exception | None:
        many = body.count(b"work") > 1
        return kind("no", code=7) if many and next(left, None) is not None else None

    store = PickyStore(run.lane.store, fail, after=True)
    await run.until_done(store=store)
    assert run.books() == once(6)
    assert len({token for token in store.tokens if not token.startswith("probe")}) == 1


async def test_memory_that_comes_back_splits_nothing(run: Run) -> None:
    await run.send_spans(6)
    store = PickyStore(run.lane.store, lambda _: None)
    store.refuse = lambda _: OutOfMemory("no", code=241) if len(store.tokens) < 3 else None
    await run.until_done(store=store)
    assert run.books() == once(6)
    assert len(set(store.tokens)) == 1


async def test_the_real_engine_out_of_memory_leaves_no_row_twice(run: Run) -> None:
    """The limit rises from try to try: some fail before, some after tables were written."""
    await run.send_spans(40)
    limits = iter(range(4 << 20, 64 << 20, 2 << 20))
    real = run.lane.store

    def limit(size: int) -> None:
        with real.client(Role.INGEST) as one, real.client(Role.INGEST) as other:
            for client in (one, other):
                client.set_client_setting("max_memory_usage", size)

    class Tight(FaultyStore):
        def insert_protobuf(
            self, table: str, body: Sequence[bytes], *, schema: str, token: str
        ) -> None:
            limit(next(limits, 0) if b"".join(body).count(b"work") > 1 else 0)
            try:
                super().insert_protobuf(table, body, schema=schema, token=token)
            finally:
                limit(0)

    pipeline = await run.until_done(store=Tight(real))
    assert pipeline.stats.signals[Signal.TRACES].retries >= 5
    assert run.books() == once(40)
    assert await run.dead_letters() == []


@pytest.mark.parametrize("kind", [OutOfMemory, StoreError])
@pytest.mark.parametrize("messages", [1, 5])
async def test_tries_that_an_outage_took_do_not_count_against_the_batch(
    run: Run, kind: type[StoreError], messages: int
) -> None:
    await run.send_spans(messages)
    plan = [*[StoreUnavailable("away", code=210) for _ in range(10)], kind("no", code=7)]
    store = FaultyStore(run.lane.store, faults("before", *plan))
    await run.until_done(store=store)
    assert run.books() == once(messages)
    assert await run.dead_letters() == []
    assert store.faults.seen == 12, "neither split nor given up"


async def test_what_was_stored_before_the_failure_does_not_condemn_a_message(run: Run) -> None:
    """Its neighbour in the other partition is stored, and then the store takes nothing."""
    bus = await run.bus()
    await bus.create_topic(Signal.TRACES.topic, partitions=2)
    await bus.send(Signal.TRACES.topic, Message(run.span(1)), partition=0)
    await bus.send(Signal.TRACES.topic, Message(run.span(2)), partition=1)
    seen = {"own": 0}
    stored = threading.Event()

    def refuse(body: bytes) -> Exception | None:
        if (2).to_bytes(8, "big") in body:
            stored.set()
            return None
        if b"work" in body:
            if seen["own"] == 6:
                return None
            if seen["own"]:
                assert stored.wait(10)
            seen["own"] += 1
        return StoreError("no", code=49)

    await run.until_done(store=PickyStore(run.lane.store, refuse))
    assert run.books() == once(2)
    assert await run.dead_letters() == []


async def test_a_range_is_not_split_while_an_earlier_try_of_it_runs(run: Run) -> None:
    """Its answer was lost, the store is still at it, and by now it says that memory is short."""
    await run.send_spans(2)
    real = run.lane.store
    real.command("CREATE TABLE slow_try (n UInt8) ENGINE = MergeTree ORDER BY n")
    tried: list[str] = []

    def linger() -> None:
        with real.client(Role.INGEST) as client:
            client.command(
                "INSERT INTO slow_try SELECT sleepEachRow(0.4) + number FROM numbers(4) "
                "SETTINGS max_block_size = 1",
                settings={"insert_deduplication_token": tried[0]},
            )

    lingering = threading.Thread(target=linger)
    early: list[str] = []

    class Lingering(FaultyStore):
        def insert_protobuf(
            self, table: str, body: Sequence[bytes], *, schema: str, token: str
        ) -> None:
            tried.append(token)
            if len(tried) == 1:
                lingering.start()
                running = (
                    "SELECT count() AS n FROM system.processes WHERE "
                    "startsWith(query, 'INSERT INTO slow_try')"
                )
                while not real.rows(running)[0]["n"]:
                    pass
                raise StoreUnavailable("no answer in time", code=None)
            whole = b"".join(body).count(b"work") == 2
            if whole:
                raise OutOfMemory("no", code=241)
            if not token.startswith("probe") and lingering.is_alive():
                early.append(token)
            real.insert_protobuf(table, body, schema=schema, token=token)

    await run.until_done(store=Lingering(real))
    lingering.join()
    real.command("DROP TABLE slow_try")
    assert tried.count(tried[0]) > 4
    assert early == []
    assert run.books() == once(2)


async def test_a_message_without_records_leaves_no_row(run: Run, otlp: Any) -> None:
    """The probe of a signal is such a message."""
    counted = "SELECT sum(total_rows) AS n FROM system.tables WHERE database = currentDatabase()"
    pipeline = run.pipeline(await run.bus())
    before = run.lane.store.rows(counted)[0]["n"]
    for stream in pipeline._streams:
        assert await stream._delivery._works_for_others()
    assert run.lane.store.rows(counted)[0]["n"] == before


@pytest.mark.parametrize("point", ["before", "after"])
@pytest.mark.parametrize("number", [0, 3])
async def test_a_crash_while_a_batch_is_split_repeats_no_row(
    run: Run, point: str, number: int
) -> None:
    """After the crash the batch would fit: only the intents tell which parts were begun."""
    await run.send_spans(8)

    class Crash(Exception):  # noqa: N818 - what kill -9 would do
        pass

    stored = 0

    def refuse(body: bytes) -> Exception | None:
        return OutOfMemory("no", code=241) if body.count(b"work") > 1 else None

    class Dying(PickyStore):
        def insert_protobuf(
            self, table: str, body: Sequence[bytes], *, schema: str, token: str
        ) -> None:
            nonlocal stored
            single = b"".join(body).count(b"work") == 1
            if single and stored == number and point == "before":
                raise Crash
            super().insert_protobuf(table, body, schema=schema, token=token)
            if single and stored == number:
                raise Crash
            stored += single

    pipeline = run.pipeline(await run.bus(), Dying(run.lane.store, refuse))
    await pipeline.start()
    with pytest.raises(Crash):
        await pipeline.wait()
    for task in pipeline._tasks:
        task.cancel()
    await asyncio.gather(*pipeline._tasks, return_exceptions=True)
    await run.crash()
    await run.until_done()
    assert run.books() == once(8)
