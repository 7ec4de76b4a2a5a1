"""Pipelines over any bus and the shared store, with faults where a test wants them."""

from __future__ import annotations

import asyncio
import threading
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from sightline_core.bus.embedded import EmbeddedBus
from sightline_core.bus.groups import GroupCoordinator
from sightline_core.bus.memory import MemoryBus
from sightline_core.bus.protocol import Committed, Message, TopicPartition
from sightline_core.wire import names
from sightline_core.wire.names import Signal
from sightline_pipeline import breaker, report, stream
from sightline_pipeline.service import Pipeline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.contracts.conftest import KafkaFactory

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

    def insert_protobuf(
        self, table: str, body: Sequence[bytes], *, schema: str, token: str
    ) -> None:
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

    def insert_protobuf(
        self, table: str, body: Sequence[bytes], *, schema: str, token: str
    ) -> None:
        self.entered.set()
        assert self.go_on.wait(10)
        self.real.insert_protobuf(table, body, schema=schema, token=token)


class Log(Protocol):
    """What is durable of one kind of bus."""

    async def open(self) -> Any:
        """Return a bus on it."""

    async def crash(self, bus: Any) -> None:
        """Forget everything that is not durable."""


class EmbeddedLog:
    """A SQLite file."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def open(self) -> Bus:
        return EmbeddedBus(self._directory)

    async def crash(self, bus: Bus) -> None:
        await bus.close()


class MemoryLog:
    """Messages and progress survive, members of groups do not."""

    def __init__(self) -> None:
        self._bus = MemoryBus()

    async def open(self) -> Bus:
        return self._bus

    async def crash(self, bus: Any) -> None:
        bus._groups = GroupCoordinator(bus, 300)


class KafkaLog:
    """Topics on the shared broker."""

    def __init__(self, factory: KafkaFactory) -> None:
        self._factory = factory

    async def open(self) -> Bus:
        return await self._factory.open()

    async def crash(self, bus: Bus) -> None:
        await bus.close()


def use_own_names(patch: pytest.MonkeyPatch) -> None:
    """Give the test topics and a consumer group of its own, and make it wait less."""
    name = uuid.uuid4().hex[:12]
    for signal in Signal:
        patch.setitem(names.TOPICS, signal, f"otlp_{signal}-{name}")
    for module in (stream, report):
        patch.setattr(module, "PIPELINE_GROUP", f"pipeline-{name}")
    patch.setattr(breaker, "FIRST_PAUSE_SECONDS", 0.001)
    patch.setattr(breaker, "LONGEST_PAUSE_SECONDS", 0.05)


def group() -> str:
    """Return the consumer group of the pipelines of this test."""
    return str(vars(stream)["PIPELINE_GROUP"])


class Run:
    """One bus and the shared store; opens and abandons pipelines over them."""

    def __init__(self, lane: Any, otlp: Any, log: Log, settings: Settings) -> None:
        self.lane, self._otlp, self._log, self.settings = lane, otlp, log, settings
        self._bus: Any = None
        self.sent = 0

    async def bus(self) -> Any:
        if self._bus is None:
            self._bus = await self._log.open()
        return self._bus

    async def crash(self) -> None:
        """Forget everything that is not durable."""
        if self._bus is not None:
            await self._log.crash(self._bus)
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
        return Pipeline(bus, store or self.lane.store, self.settings)

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

    async def _settled(self, bus: Bus) -> bool:
        lags = await bus.lag(group(), Signal.TRACES.topic)
        return not any(lag.messages for lag in lags)

    async def committed(self) -> Committed | None:
        """Return the pipeline's progress in the only partition of the spans' topic."""
        bus = await self.bus()
        partition = TopicPartition(Signal.TRACES.topic, 0)
        found: Committed | None = await bus.consumer(group(), [partition.topic]).committed(
            partition
        )
        return found

    def books(self) -> dict[str, Any]:
        bound = {"service": self.lane.service, "trace": self.lane.trace_id().hex()}
        row: dict[str, Any] = self.lane.store.rows(BOOKS, bound)[0]
        return row

    async def dead_letters(self) -> Sequence[Record]:
        bus = await self.bus()
        partition = TopicPartition(Signal.TRACES.dlq_topic, 0)
        (lag,) = await bus.lag("nobody", partition.topic)
        found: Sequence[Record] = await bus.read(partition, 0, lag.end - 1)
        return found


def once(count: int) -> dict[str, int]:
    return {
        **dict.fromkeys(
            ("spans", "different", "by_trace", "red", "red_weighted", "correlated", "ledger"), count
        ),
        "refused": 0,
        "quarantine": 0,
    }
