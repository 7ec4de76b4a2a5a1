"""Telemetry built by hand, and a lane into the shared store that only one test uses."""

from __future__ import annotations

import itertools
import json
import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from tests.contracts.conftest import KafkaFactory
from tests.pipeline.desk import Desk
from tests.pipeline.running import EmbeddedLog, KafkaLog, Log, MemoryLog, Run, use_own_names

from sightline_core.bus.embedded import EmbeddedBus
from sightline_core.bus.protocol import Record
from sightline_pipeline.batch import AcceptWindow, Batch
from sightline_pipeline.landing import landing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping
    from pathlib import Path

    from google.protobuf.message import Message

    from sightline_core.settings import Settings
    from sightline_core.store.client import Store
    from sightline_core.wire.names import Signal

SECOND = 1_000_000_000
TABLES = (
    "otel_traces",
    "otel_logs",
    "otel_metrics_gauge",
    "otel_metrics_sum",
    "otel_metrics_histogram",
    "otel_metrics_exponential_histogram",
    "otel_metrics_summary",
)


class Otlp:
    """Builds OTLP messages from plain Python values."""

    def value(self, given: Any) -> AnyValue:
        """Return a Python value as OTLP has it; pairs in a tuple make a key-value list."""
        members: dict[type, Any] = {
            str: lambda: AnyValue(string_value=given),
            bool: lambda: AnyValue(bool_value=given),
            int: lambda: AnyValue(int_value=given),
            float: lambda: AnyValue(double_value=given),
            bytes: lambda: AnyValue(bytes_value=given),
            list: lambda: AnyValue(array_value=ArrayValue(values=map(self.value, given))),
            tuple: lambda: AnyValue(kvlist_value=KeyValueList(values=self.pairs(given))),
            dict: lambda: self.value(tuple(given.items())),
            type(None): AnyValue,
        }
        made: AnyValue = members[type(given)]()
        return made

    def pairs(self, given: Iterable[tuple[str, Any]]) -> list[KeyValue]:
        """Return attributes; keys may repeat."""
        return [KeyValue(key=key, value=self.value(value)) for key, value in given]

    def attributes(self, given: Mapping[str, Any]) -> list[KeyValue]:
        """Return attributes."""
        return self.pairs(given.items())

    def resource(self, service: str | None, **attributes: Any) -> Resource:
        """Return a resource of that service."""
        named = {"service.name": service} if service is not None else {}
        return Resource(attributes=self.attributes({**named, **attributes}))

    def spans(self, service: str | None, *spans: Any) -> ExportTraceServiceRequest:
        """Return a request with these spans."""
        request = ExportTraceServiceRequest()
        group = request.resource_spans.add(resource=self.resource(service))
        group.scope_spans.add(spans=spans)
        return request

    def logs(self, service: str | None, *records: Any) -> ExportLogsServiceRequest:
        """Return a request with these log records."""
        request = ExportLogsServiceRequest()
        group = request.resource_logs.add(resource=self.resource(service))
        group.scope_logs.add(log_records=records)
        return request

    def metrics(self, service: str | None, *metrics: Any) -> ExportMetricsServiceRequest:
        """Return a request with these metrics."""
        request = ExportMetricsServiceRequest()
        group = request.resource_metrics.add(resource=self.resource(service))
        group.scope_metrics.add(metrics=metrics)
        return request


@dataclass
class Lane:
    """A topic, a service and trace ids in the shared store that no other test uses.

    Attributes:
        now: unix nanoseconds at which its messages arrive, on a whole second.
    """

    store: Store
    window: AcceptWindow
    number: int
    name: str
    now: int = field(default_factory=lambda: time.time_ns() // SECOND * SECOND)
    _offsets: Iterable[int] = field(default_factory=itertools.count)

    @property
    def topic(self) -> str:
        """Its topic."""
        return f"{self.name}-{self.number}"

    @property
    def service(self) -> str:
        """Its service."""
        return f"service-{self.topic}"

    def trace_id(self, number: int = 1) -> bytes:
        """Return a trace id of its own."""
        return (self.now + self.number).to_bytes(8, "big") + number.to_bytes(8, "big")

    def record(self, message: Message | bytes, *headers: tuple[str, bytes]) -> Record:
        """Return the message as the bus would hand it out."""
        value = message if isinstance(message, bytes) else message.SerializeToString()
        offset = next(iter(self._offsets))
        return Record(self.topic, 0, offset, self.now // 1_000_000, value, None, headers)

    def batch(self, *messages: Message | bytes) -> Batch:
        """Return the messages as one batch."""
        return Batch([self.record(message) for message in messages])

    def insert(self, signal: Signal, batch: Batch, token: str | None = None) -> None:
        """Insert as the pipeline does."""
        landing(signal).insert(self.store, batch.body(self.window), token or batch.token)

    def send(self, signal: Signal, *messages: Message | bytes) -> None:
        """Insert messages as one batch."""
        self.insert(signal, self.batch(*messages))

    def rows(self, table: str, where: str = "", order: str = "1") -> list[dict[str, Any]]:
        """Return this lane's rows as JSON says them: times as text to the nanosecond."""
        column = "Topic" if table in {"sightline_ledger", "sightline_quarantine"} else "ServiceName"
        own = self.topic if column == "Topic" else self.service
        extra = f"AND ({where})" if where else ""
        lines = self.store.json_lines(
            f"SELECT * FROM {table} WHERE {column} = {{own:String}} {extra} ORDER BY {order} "
            "SETTINGS asterisk_include_alias_columns = 1",
            {"own": own},
        )
        return [json.loads(line) for line in lines.splitlines()]

    def row(self, table: str, where: str = "") -> dict[str, Any]:
        """Return the only row."""
        (row,) = self.rows(table, where)
        return row

    def value(self, sql: str) -> Any:
        """Return the single value of a query; {service} and {topic} are this lane's."""
        bound = {"service": self.service, "topic": self.topic}
        (row,) = self.store.rows(sql, bound)
        (value,) = row.values()
        return value

    def stored(self) -> int:
        """Count what is in all tables of records."""
        parts = " UNION ALL ".join(
            f"SELECT count() AS n FROM {table} WHERE ServiceName = {{service:String}}"
            for table in TABLES
        )
        return int(self.value(f"SELECT sum(n) FROM ({parts})"))

    def text(self, nanoseconds: int) -> str:
        """Return a time as the store's JSON has it."""
        return when(nanoseconds)


def when(nanoseconds: int) -> str:
    """Return a time as the store's JSON has it."""
    seconds, rest = divmod(nanoseconds, SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{rest:09}"


@pytest.fixture(scope="session")
def otlp() -> Otlp:
    return Otlp()


_numbers = itertools.count(1)


@pytest.fixture
def lane(store: Store, store_settings: Settings, request: pytest.FixtureRequest) -> Lane:
    name = re.sub(r"\W+", "-", request.node.name)[:60]
    return Lane(store, AcceptWindow.from_settings(store_settings), next(_numbers), name)


@pytest.fixture
async def run(
    lane: Lane,
    otlp: Otlp,
    tmp_path: Path,
    store_settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Run]:
    """Pipelines on the embedded bus."""
    use_own_names(monkeypatch)
    made = Run(lane, otlp, EmbeddedLog(tmp_path / "bus"), store_settings)
    yield made
    await made.crash()


@pytest.fixture(params=["embedded", "memory", "kafka"])
async def run_anywhere(
    lane: Lane,
    otlp: Otlp,
    store_settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> AsyncIterator[Run]:
    """Pipelines on each bus."""
    use_own_names(monkeypatch)
    log: Log
    if request.param == "embedded":
        log = EmbeddedLog(request.getfixturevalue("tmp_path") / "bus")
    elif request.param == "memory":
        log = MemoryLog()
    else:
        log = KafkaLog(KafkaFactory(request.getfixturevalue("kafka")))
    made = Run(lane, otlp, log, store_settings)
    yield made
    await made.crash()


@pytest.fixture
async def desk(
    store: Store, store_settings: Settings, tmp_path: Path, lane: Lane
) -> AsyncIterator[Desk]:
    bus = EmbeddedBus(tmp_path / "bus")
    settings = store_settings.model_copy(
        update={"dead_letter_topics": {f"{lane.topic}.dlq": lane.topic}}
    )
    yield Desk(bus, store, settings, lane.topic)
    await bus.close()
