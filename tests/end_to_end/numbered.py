"""Telemetry whose every record carries a number, so that each can be looked for afterwards."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from sightline_core.wire.names import Signal

if TYPE_CHECKING:
    import random

    from opentelemetry.proto.resource.v1.resource_pb2 import Resource

SERVICES: Final = ("accounts", "billing", "catalog", "delivery")
NUMBER: Final = "test.number"
AGES_SECONDS: Final = (0, 86_400, 9 * 86_400)
"""Several days and weeks in one request: an insert then makes several parts in each table."""
TOO_OLD_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Numbered:
    """One request; its records are numbered `<name>.0` to `<name>.<records - 1>`.

    Attributes:
        quarantined: how many of the records are too old to be stored.
        trace_ids: of spans, in hex.
    """

    name: str
    signal: Signal
    records: int
    quarantined: int
    trace_ids: tuple[str, ...]
    body: bytes


def text(key: str, value: str) -> KeyValue:
    """Return an attribute that is a string."""
    pair = KeyValue(key=key)
    pair.value.string_value = value
    return pair


def numbered(name: str, signal: Signal, records: int, chance: random.Random) -> Numbered:
    """Make a request of so many records, of several services, days and kinds."""
    make = {Signal.TRACES: _traces, Signal.LOGS: _logs, Signal.METRICS: _metrics}[signal]
    return make(name, records, chance)


def _traces(name: str, records: int, chance: random.Random) -> Numbered:
    request = ExportTraceServiceRequest()
    scopes = []
    for service in SERVICES:
        resource = request.resource_spans.add()
        _name(resource.resource, service)
        scopes.append(resource.scope_spans.add())
    trace_ids = [chance.randbytes(16) for _ in range(1 + records // 8)]
    for number in range(records):
        start = _time(chance)
        failed = chance.random() < 0.1
        chance.choice(scopes).spans.add(
            trace_id=chance.choice(trace_ids),
            span_id=chance.randbytes(8),
            name=f"operation {chance.randrange(5)}",
            kind=chance.choice([Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT]),
            start_time_unix_nano=start,
            end_time_unix_nano=start + chance.randrange(1, 10**9),
            attributes=[text(NUMBER, f"{name}.{number}"), text("correlation.id", name)],
            status=Status(code=Status.STATUS_CODE_ERROR if failed else Status.STATUS_CODE_UNSET),
        )
    used = {span.trace_id.hex() for scope in scopes for span in scope.spans}
    body = request.SerializeToString()
    return Numbered(name, Signal.TRACES, records, 0, tuple(sorted(used)), body)


def _logs(name: str, records: int, chance: random.Random) -> Numbered:
    request = ExportLogsServiceRequest()
    scopes = []
    for service in SERVICES:
        resource = request.resource_logs.add()
        _name(resource.resource, service)
        scopes.append(resource.scope_logs.add())
    quarantined = 0
    for number in range(records):
        too_old = chance.random() < 0.05
        quarantined += too_old
        record = chance.choice(scopes).log_records.add(
            time_unix_nano=TOO_OLD_NS if too_old else _time(chance),
            severity_number=chance.choice([5, 9, 13, 17]),
            trace_id=chance.randbytes(16),
            attributes=[text(NUMBER, f"{name}.{number}"), text("correlation.id", name)],
        )
        record.body.string_value = f"{name}.{number}"
    return Numbered(name, Signal.LOGS, records, quarantined, (), request.SerializeToString())


def _metrics(name: str, records: int, chance: random.Random) -> Numbered:
    """A fifth each: gauge, sum, histogram, exponential histogram, summary."""
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    _name(resource.resource, chance.choice(SERVICES))
    scope = resource.scope_metrics.add()
    metrics = {
        kind: scope.metrics.add(name=f"test.{kind}", unit="1")
        for kind in ("gauge", "sum", "histogram", "exponential_histogram", "summary")
    }
    for number in range(records):
        kind, metric = list(metrics.items())[number % len(metrics)]
        point = getattr(metric, kind).data_points.add(
            time_unix_nano=_time(chance), attributes=[text(NUMBER, f"{name}.{number}")]
        )
        if kind in {"gauge", "sum"}:
            point.as_int = number
        else:
            point.count = number
    return Numbered(name, Signal.METRICS, records, 0, (), request.SerializeToString())


def _name(resource: Resource, service: str) -> None:
    resource.attributes.append(text("service.name", service))


def _time(chance: random.Random) -> int:
    age = chance.choice(AGES_SECONDS) * 10**9 if chance.random() < 0.3 else 0
    return time.time_ns() - age - chance.randrange(10**9)
