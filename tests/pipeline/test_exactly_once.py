"""Every batch counts once: in every table, whatever fails or dies on the way (design D4)."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from sightline_core.bus.embedded import EmbeddedBus
from sightline_core.bus.protocol import Committed, Message, TopicPartition
from sightline_core.errors import BusUnavailable, StoreError, StoreUnavailable
from sightline_core.wire.names import PIPELINE_GROUP, Signal
from sightline_pipeline import breaker
from sightline_pipeline.batch import range_in_doubt
from sightline_pipeline.service import Pipeline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from sightline_core.bus.protocol import Bus, Record
    from sightline_core.settings import Settings
    from sightline_core.store.client import Store

GOOD = 12
GARBAGE = b"\x0a\xff\xff\xff\xff\x0fnot a request"

BOOKS = """
WITH {service:String} AS me
SELECT
    (SELECT count() FROM otel_traces WHERE ServiceName = me) AS spans,
    (SELECT uniqExact(SpanId) FROM otel_traces WHERE ServiceName = me) AS different,
    (SELECT sum(Spans) FROM otel_traces_trace_id_ts WHERE TraceId = {trace:String}) AS by_trace,
    (SELECT sum(Spans) FROM sightline_red_1m WHERE ServiceName = me) AS red,
    (SELECT sum(Count) FROM sightline_red_1m WHERE ServiceName = me) AS red_weighted,
    (SELECT sum(Spans) FROM sightline_correlations WHERE Id = me) AS correlated,
    (SELECT sum(Stored) FROM sightline_ledger WHERE ServiceName = me) AS ledger,
    (SELECT sum(Quarantined) FROM sightline_ledger WHERE ServiceName = me) AS refused,
    (SELECT count() FROM sightline_quarantine WHERE ServiceName = me) AS quarantine"""


class Crash(Exception):  # noqa: N818 - what kill -9 would do
    """Ends a pipeline where it stands."""


@dataclass
class Faults:
    """What goes wrong, in order; None is nothing. `seen` counts the calls."""

    before: list[Exception | None] = field(default_factory=list)
    after: list[Exception | None] = field(default_factory=list)
    seen: int = 0

    def strike(self, plan: list[Exception | None]) -> None:
        fault = plan.pop(0) if plan else None
        if fault is not None:
            raise fault


def faults(when: str, *planned: Exception) -> Faults:
    return Faults(before=[*planned]) if when == "before" else Faults(after=[*planned])


@dataclass
class FaultyStore:
    """The real store; `faults` strike before an insert, or after it but before its answer."""

    real: Store
    faults: Faults = field(default_factory=Faults)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def insert_protobuf(self, table: str, body: bytes, *, schema: str, token: str) -> None:
        self.faults.seen += 1
        self.faults.strike(self.faults.before)
        self.real.insert_protobuf(table, body, schema=schema, token=token)
        self.faults.strike(self.faults.after)


@dataclass
class FaultyConsumer:
    """A real consumer whose commits of progress in the spans' topic fail as planned."""

    real: Any
    faults: Faults

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    async def commit(self, offsets: Mapping[TopicPartition, Committed]) -> None:
        if any(partition.topic != Signal.TRACES.topic for partition in offsets):
            await self.real.commit(offsets)
            return
        self.faults.seen += 1
        self.faults.strike(self.faults.before)
        await self.real.commit(offsets)
        self.faults.strike(self.faults.after)


@dataclass
class FaultyBus:
    """A real bus with `FaultyConsumer`s."""

    real: Bus
    faults: Faults = field(default_factory=Faults)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def consumer(self, *given: Any) -> FaultyConsumer:
        return FaultyConsumer(self.real.consumer(*given), self.faults)


@dataclass
class SlowStore:
    """The real store; an insert waits until it may go on."""

    real: Store
    entered: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def insert_protobuf(self, table: str, body: bytes, *, schema: str, token: str) -> None:
        self.entered.set()
        assert self.go_on.wait(10)
        self.real.insert_protobuf(table, body, schema=schema, token=token)


class Run:
    """One bus directory and the shared store; opens and abandons pipelines over them."""

    def __init__(self, lane: Any, otlp: Any, directory: Path, settings: Settings) -> None:
        self.lane, self._otlp, self._directory, self._settings = lane, otlp, directory, settings
        self._bus: EmbeddedBus | None = None
        self.sent = 0

    async def bus(self) -> EmbeddedBus:
        if self._bus is None:
            self._bus = EmbeddedBus(self._directory)
        return self._bus

    async def crash(self) -> None:
        """Forget everything that is not on the disk."""
        if self._bus is not None:
            await self._bus.close()
            self._bus = None

    async def send(self, *values: bytes, headers: tuple[tuple[str, bytes], ...] = ()) -> None:
        bus = await self.bus()
        await bus.create_topic(Signal.TRACES.topic, partitions=1)
        for value in values:
            await bus.send(Signal.TRACES.topic, Message(value, b"key", headers))

    async def send_spans(self, count: int = GOOD) -> None:
        for _ in range(count):
            self.sent += 1
            await self.send(self.span(self.sent))

    def span(self, number: int) -> bytes:
        return self._otlp.spans(self.lane.service, self._span(number)).SerializeToString()  # type: ignore[no-any-return]

    def _span(self, number: int) -> Span:
        return Span(
            trace_id=self.lane.trace_id(),
            span_id=number.to_bytes(8, "big"),
            name="work",
            start_time_unix_nano=self.lane.now,
            attributes=self._otlp.attributes({"correlation.id": self.lane.service}),
        )

    def pipeline(self, bus: Any, store: Any = None) -> Pipeline:
        return Pipeline(bus, store or self.lane.store, self._settings)

    async def until_crash(self, bus: Any, store: Any = None) -> None:
        """Run a pipeline until it meets a planned `Crash`, and abandon it there."""
        pipeline = self.pipeline(bus, store)
        await pipeline.start()
        with pytest.raises(Crash):
            await pipeline.wait()
        for task in pipeline._tasks:
            task.cancel()
        await asyncio.gather(*pipeline._tasks, return_exceptions=True)
        await self.crash()

    async def until_done(self, bus: Any = None, store: Any = None) -> Pipeline:
        """Run a pipeline until nothing is left to read, then stop it."""
        real = await self.bus()
        pipeline = self.pipeline(bus or real, store)
        await pipeline.start()
        running = asyncio.create_task(pipeline.wait())
        try:
            while not await self._settled(real):
                assert not running.done(), running.exception()
                await asyncio.sleep(0.01)
        finally:
            await pipeline.stop()
            await asyncio.gather(running, return_exceptions=True)
        return pipeline

    async def _settled(self, bus: EmbeddedBus) -> bool:
        lags = await bus.lag(PIPELINE_GROUP, Signal.TRACES.topic)
        stored = [
            bus.stored(PIPELINE_GROUP, TopicPartition(lag.topic, lag.partition)) for lag in lags
        ]
        return not any(lag.messages for lag in lags) and not any(map(range_in_doubt, stored))

    def books(self) -> dict[str, Any]:
        bound = {"service": self.lane.service, "trace": self.lane.trace_id().hex()}
        row: dict[str, Any] = self.lane.store.rows(BOOKS, bound)[0]
        return row

    async def dead_letters(self) -> Sequence[Record]:
        bus = await self.bus()
        partition = TopicPartition(Signal.TRACES.dlq_topic, 0)
        (lag,) = await bus.lag("nobody", partition.topic)
        return await bus.read(partition, 0, lag.end - 1)


def once(count: int) -> dict[str, int]:
    return {
        **dict.fromkeys(
            ("spans", "different", "by_trace", "red", "red_weighted", "correlated", "ledger"), count
        ),
        "refused": 0,
        "quarantine": 0,
    }


@pytest.fixture
async def run(
    lane: Any, otlp: Any, tmp_path: Path, store_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Run]:
    monkeypatch.setattr(breaker, "FIRST_PAUSE_SECONDS", 0.001)
    made = Run(lane, otlp, tmp_path / "bus", store_settings)
    yield made
    await made.crash()


# One insert, one token


def one_of_each(otlp: Any, lane: Any) -> dict[Signal, list[bytes]]:
    """Per signal two messages: what is stored and what is quarantined."""
    span = Span(trace_id=lane.trace_id(), span_id=b"12345678", name="s",
                start_time_unix_nano=lane.now,
                attributes=otlp.attributes({"correlation.id": lane.service}))  # fmt: skip
    line = LogRecord(time_unix_nano=lane.now, trace_id=lane.trace_id(),
                     attributes=otlp.attributes({"correlation.id": lane.service}))  # fmt: skip
    points = [pb.NumberDataPoint(time_unix_nano=time, as_int=1) for time in (lane.now, 1)]
    kinds: dict[str, Any] = {
        "gauge": pb.Gauge(data_points=points),
        "sum": pb.Sum(data_points=points),
        "histogram": pb.Histogram(data_points=[pb.HistogramDataPoint(time_unix_nano=lane.now)]),
        "exponential_histogram": pb.ExponentialHistogram(
            data_points=[pb.ExponentialHistogramDataPoint(time_unix_nano=lane.now)]
        ),
        "summary": pb.Summary(data_points=[pb.SummaryDataPoint(time_unix_nano=lane.now)]),
    }
    metrics = [pb.Metric(name=kind, **{kind: data}) for kind, data in kinds.items()]
    requests = {
        Signal.TRACES: [otlp.spans(lane.service, span), otlp.spans(lane.service, Span(name="bad"))],
        Signal.LOGS: [otlp.logs(lane.service, line),
                      otlp.logs(lane.service, LogRecord(time_unix_nano=1))],
        Signal.METRICS: [otlp.metrics(lane.service, *metrics)],
    }  # fmt: skip
    return {
        signal: [message.SerializeToString() for message in messages]
        for signal, messages in requests.items()
    }


TARGETS = r"""
SELECT DISTINCT extract(create_table_query, ' TO [a-z]+\.(\w+)') AS name FROM system.tables
WHERE database = currentDatabase() AND engine = 'MaterializedView'
  AND name IN (SELECT name FROM system.tables WHERE engine LIKE '%MergeTree')"""
MEASURES = {
    "otel_traces_trace_id_ts": ("sum(Spans)", "TraceId = {trace:String}"),
    "sightline_red_1m": ("sum(Spans)", "ServiceName = {service:String}"),
    "sightline_log_counts_1m": ("sum(Logs)", "ServiceName = {service:String}"),
    "sightline_correlations": ("sum(Spans + Logs)", "Id = {service:String}"),
    "sightline_attribute_keys": ("sum(Count)", "ServiceName = {service:String}"),
    "sightline_ledger": ("sum(Stored + Quarantined)", "ServiceName = {service:String}"),
}


def amounts(lane: Any) -> dict[str, int]:
    """How much of the lane's telemetry every target table holds."""
    bound = {"service": lane.service, "trace": lane.trace_id().hex()}
    found = {}
    for row in lane.store.rows(TARGETS):
        table = row["name"]
        measure, where = MEASURES.get(table, ("count()", "ServiceName = {service:String}"))
        sql = f"SELECT toUInt64({measure}) AS n FROM {table} WHERE {where}"
        found[table] = lane.store.rows(sql, bound)[0]["n"]
    return found


def test_the_same_token_counts_once_and_another_token_twice_in_every_table(
    otlp: Any, lane: Any
) -> None:
    batches = {signal: lane.batch(*given) for signal, given in one_of_each(otlp, lane).items()}
    for signal, batch in batches.items():
        lane.insert(signal, batch)
    first = amounts(lane)
    assert len(first) == 14
    assert all(first.values()), first

    for signal, batch in batches.items():
        lane.insert(signal, batch)
        lane.insert(signal, batch)
    assert amounts(lane) == first

    for signal, batch in batches.items():
        lane.insert(signal, batch, f"{batch.token}-again")
    assert amounts(lane) == {table: 2 * amount for table, amount in first.items()}


def test_equal_batches_with_different_tokens_are_both_stored(otlp: Any, lane: Any) -> None:
    request = one_of_each(otlp, lane)[Signal.LOGS][0]
    lane.send(Signal.LOGS, request)
    lane.send(Signal.LOGS, request)
    assert len(lane.rows("otel_logs")) == 2


# Crashes


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
    run: Run, point: str, bus_faults: Faults, store_faults: Faults
) -> None:
    on_bus, on_store = (Faults([*f.before], [*f.after]) for f in (bus_faults, store_faults))
    await run.send_spans()
    bus = FaultyBus(await run.bus(), on_bus)
    await run.until_crash(bus, FaultyStore(run.lane.store, on_store))
    await run.send_spans()
    await run.until_done()
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


async def test_a_range_in_doubt_that_is_gone_is_counted_and_the_rest_goes_on(run: Run) -> None:
    await run.send_spans(3)
    await run.until_crash(await run.bus(), FaultyStore(run.lane.store, Faults(before=[Crash()])))
    await run.send_spans(2)
    real = await run.bus()
    real._log(TopicPartition(Signal.TRACES.topic, 0)).start = 3
    pipeline = await run.until_done()
    assert pipeline.stats.signals[Signal.TRACES].gaps == 1
    assert run.books() == once(2)


# Faults that pass


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
    stored = bus.stored(PIPELINE_GROUP, TopicPartition(Signal.TRACES.topic, 0))
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
    await bus.store(PIPELINE_GROUP, {partition: Committed(0)})
    bus._log(partition).start = 7
    pipeline = await run.until_done()
    assert pipeline.stats.signals[Signal.TRACES].gaps == 1
    assert run.books() == once(13)


# Poison


async def test_poison_goes_to_the_dead_letters_as_it_came_and_its_neighbours_are_stored(
    run: Run,
) -> None:
    cut = run.span(99)[:-3]
    mine = (("sightline-origin", b"o-1"), ("x", b"\xff"))
    await run.send_spans(5)
    await run.send(GARBAGE, headers=mine)
    await run.send_spans(4)
    await run.send(cut)
    await run.send_spans(3)

    pipeline = await run.until_done()

    assert run.books() == once(12)
    first, second = await run.dead_letters()
    assert (first.value, first.key) == (GARBAGE, b"key")
    assert first.headers[:2] == mine
    said = {name: value.decode() for name, value in first.headers[2:]}
    assert set(said) >= {
        f"sightline-dlq-{name}"
        for name in (
            "reason", "message", "stage", "topic", "partition", "offset", "first-seen",
            "attempts", "version",
        )
    }  # fmt: skip
    assert said["sightline-dlq-reason"] in {"engine_32", "engine_444"}
    assert (said["sightline-dlq-topic"], said["sightline-dlq-partition"]) == ("otlp_spans", "0")
    assert (said["sightline-dlq-offset"], said["sightline-dlq-stage"]) == ("5", "insert")
    assert second.value == cut
    assert second.header("sightline-dlq-offset") == b"10"
    assert pipeline.stats.signals[Signal.TRACES].dead_lettered == 2


@pytest.mark.parametrize("size", ["whole", "first field"])
async def test_a_message_that_claims_its_envelope_as_its_own_bytes_is_poison(
    run: Run, size: str
) -> None:
    """An unknown field of exactly so many bytes that what follows is read without a complaint."""
    envelope_bytes = {"whole": 88, "first field": 10}[size]
    await run.send_spans(2)
    value = run.span(77)
    for length in range(envelope_bytes - 25, envelope_bytes + 25) if size == "whole" else [10]:
        await run.send(value + b"\xfa\x3f" + bytes([length]))
    await run.send_spans(2)
    await run.until_done()
    assert run.books() == once(4)
    assert len(await run.dead_letters()) == (50 if size == "whole" else 1)


async def test_a_batch_of_nothing_but_poison_does_not_stop_the_flow(run: Run) -> None:
    await run.send(*[GARBAGE] * 5)
    await run.send_spans(1)
    await run.until_done()
    assert run.books() == once(1)
    assert len(await run.dead_letters()) == 5


async def test_a_crash_during_bisection_repeats_no_row(run: Run) -> None:
    await run.send_spans(5)
    await run.send(GARBAGE)
    await run.send_spans(6)
    # 12 messages: the whole fails, then the first half; its good half is stored, and then:
    store = FaultyStore(run.lane.store, Faults(after=[Crash()]))
    await run.until_crash(await run.bus(), store)
    await run.until_done()
    assert run.books() == once(11)
    letters = Counter(letter.value for letter in await run.dead_letters())
    assert set(letters) == {GARBAGE}


async def test_empty_messages_are_no_poison(run: Run, otlp: Any) -> None:
    await run.send(b"", otlp.spans(run.lane.service).SerializeToString())
    await run.send_spans(1)
    await run.until_done()
    assert run.books() == once(1)
    assert await run.dead_letters() == []
