"""Test telemetry: one small trace with its logs and a metric, as a service would send it."""

from __future__ import annotations

import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from google.protobuf.message import DecodeError
from google.rpc import status_pb2  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import SeverityNumber
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from sightline_collector.refusal import PROTOBUF
from sightline_core.errors import ConfigError, SightlineError
from sightline_core.wire.names import Signal
from sightline_core.wire.schema import schema

if TYPE_CHECKING:
    from collections.abc import Mapping

SCOPE: Final = "sightline.send"
_MS: Final = 1_000_000
_TIMEOUT_SECONDS: Final = 10
_MAX_RESPONSE_BYTES: Final = 4 << 20


class SendError(SightlineError):
    """The endpoint did not take the telemetry."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A trace of three spans that ends now, two log lines and one data point.

    Attributes:
        trace_id: 32 hex digits.
        requests: one export request per signal.
    """

    trace_id: str
    requests: Mapping[Signal, Any]


class Answer(NamedTuple):
    """What the server did not take, in records, and what it has to say (usually nothing)."""

    rejected: int
    message: str


def sample(service: str, *, now_unix_nano: int | None = None) -> Sample:
    """Make telemetry of `service` with a fresh trace id."""
    now = time.time_ns() if now_unix_nano is None else now_unix_nano
    trace_id = secrets.token_bytes(16)
    traces = _traces(service, trace_id, now)
    root = traces.resource_spans[0].scope_spans[0].spans[0]
    return Sample(
        trace_id.hex(),
        {
            Signal.TRACES: traces,
            Signal.LOGS: _logs(service, root),
            Signal.METRICS: _metrics(service, root),
        },
    )


def send(endpoint: str, signal: Signal, request: Any) -> Answer:
    """Export `request` over OTLP/HTTP; return the server's answer.

    Raises:
        ConfigError: `endpoint` is no http or https URL.
        SendError: not reachable, or it refused.
    """
    if urllib.parse.urlsplit(endpoint).scheme not in ("http", "https"):
        raise ConfigError(f"cannot send to {endpoint!r}: not an http or https URL")
    post = urllib.request.Request(  # noqa: S310 - the scheme was checked
        f"{endpoint.rstrip('/')}/v1/{signal}",
        data=request.SerializeToString(),
        headers={"content-type": PROTOBUF},
        method="POST",
    )
    try:
        with urllib.request.urlopen(post, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
            body = answer.read(_MAX_RESPONSE_BYTES)
            said = schema(signal).response.FromString(body).partial_success
            rejected = getattr(said, schema(signal).rejected_field)
            return Answer(int(rejected), str(said.error_message))
    except urllib.error.HTTPError as error:
        with error:
            why = _status_message(error.read(_MAX_RESPONSE_BYTES)) or error.reason
        raise SendError(f"cannot send {signal} to {endpoint}: {error.code} {why}") from error
    except DecodeError as error:
        raise SendError(f"cannot send {signal} to {endpoint}: the answer is not OTLP") from error
    except OSError as error:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        raise SendError(f"cannot send {signal} to {endpoint}: {cause}") from error


def _status_message(body: bytes) -> str:
    try:
        return str(status_pb2.Status.FromString(body).message)
    except DecodeError:
        return ""


def _traces(service: str, trace_id: bytes, now: int) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.append(_text("service.name", service))
    scope = resource.scope_spans.add()
    scope.scope.name = SCOPE
    root = scope.spans.add(
        trace_id=trace_id,
        span_id=secrets.token_bytes(8),
        name="GET /sightline/test",
        kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=now - 120 * _MS,
        end_time_unix_nano=now,
        attributes=[
            _text("http.request.method", "GET"),
            _text("http.route", "/sightline/test"),
            _text("correlation.id", trace_id.hex()),
        ],
    )
    scope.spans.add(
        trace_id=trace_id,
        span_id=secrets.token_bytes(8),
        parent_span_id=root.span_id,
        name="prepare",
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=now - 115 * _MS,
        end_time_unix_nano=now - 90 * _MS,
    )
    failed = scope.spans.add(
        trace_id=trace_id,
        span_id=secrets.token_bytes(8),
        parent_span_id=root.span_id,
        name="SELECT test",
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=now - 85 * _MS,
        end_time_unix_nano=now - 10 * _MS,
        attributes=[_text("db.system.name", "postgresql")],
        status=Status(code=Status.STATUS_CODE_ERROR, message="a test error"),
    )
    failed.events.add(
        name="exception",
        time_unix_nano=now - 10 * _MS,
        attributes=[
            _text("exception.type", "TestError"),
            _text("exception.message", "a test error"),
        ],
    )
    return request


def _logs(service: str, span: Span) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    resource.resource.attributes.append(_text("service.name", service))
    scope = resource.scope_logs.add()
    scope.scope.name = SCOPE
    end = span.end_time_unix_nano
    for number, text, body, time_unix_nano in (
        (SeverityNumber.SEVERITY_NUMBER_INFO, "INFO", "test request received", end - 118 * _MS),
        (SeverityNumber.SEVERITY_NUMBER_ERROR, "ERROR", "test request failed", end - 9 * _MS),
    ):
        record = scope.log_records.add(
            time_unix_nano=time_unix_nano,
            observed_time_unix_nano=time_unix_nano,
            severity_number=number,
            severity_text=text,
            trace_id=span.trace_id,
            span_id=span.span_id,
            attributes=[_text("correlation.id", span.trace_id.hex())],
        )
        record.body.string_value = body
    return request


def _metrics(service: str, span: Span) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    resource.resource.attributes.append(_text("service.name", service))
    scope = resource.scope_metrics.add()
    scope.scope.name = SCOPE
    metric = scope.metrics.add(name="sightline.send.duration", unit="ms")
    metric.gauge.data_points.add(time_unix_nano=span.end_time_unix_nano, as_double=120.0)
    return request


def _text(key: str, value: str) -> KeyValue:
    pair = KeyValue(key=key)
    pair.value.string_value = value
    return pair
