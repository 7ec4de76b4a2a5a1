"""For tests: an OTLP/HTTP receiver on loopback that keeps what it gets.

with Receiver() as receiver:
    sightline.configure(service="checkout", endpoint=receiver.endpoint)
    place_order()
    sightline.flush()
    assert "charge card" in {span.name for span in receiver.spans()}
"""

from __future__ import annotations

import gzip
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

    Attributes = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ReceivedSpan:
    """A span as it came over the wire; ids are lower-case hexadecimal, absent ones empty."""

    resource: Attributes
    scope: str
    name: str
    kind: int
    """1 internal, 2 server, 3 client, 4 producer, 5 consumer."""
    trace_id: str
    span_id: str
    parent_span_id: str
    attributes: Attributes
    status: int
    """0 unset, 1 ok, 2 error."""
    status_message: str
    events: list[tuple[str, Attributes]]

    @property
    def service(self) -> str:
        """Return `service.name`."""
        return str(self.resource["service.name"])


@dataclass(frozen=True, kw_only=True)
class ReceivedLog:
    """A log record as it came over the wire."""

    resource: Attributes
    scope: str
    body: Any
    severity: str
    severity_number: int
    time_unix_nano: int
    trace_id: str
    span_id: str
    attributes: Attributes

    @property
    def service(self) -> str:
        """Return `service.name`."""
        return str(self.resource["service.name"])


class Receiver:
    """Listens from its making until `close`."""

    def __init__(self, port: int = 0) -> None:
        """Listen on this port of loopback; 0 takes any free one."""
        self.requests: list[tuple[str, bytes]] = []
        """Path and decompressed body of every request."""
        self._arrived = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        """Return the receiver."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop listening."""
        self.close()

    def close(self) -> None:
        """Stop listening; what was received stays."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait(self, condition: Callable[[], object], seconds: float = 20.0) -> None:
        """Block until the condition holds; it is looked at again whenever a request arrives.

        Raises:
            TimeoutError: it did not hold within `seconds`.
        """
        with self._arrived:
            if not self._arrived.wait_for(condition, seconds):
                raise TimeoutError(f"expected telemetry did not arrive within {seconds:g} s")

    def spans(self) -> list[ReceivedSpan]:
        """Return all spans received so far."""
        return [
            ReceivedSpan(
                resource=_attributes(group.resource.attributes),
                scope=scope.scope.name,
                name=span.name,
                kind=span.kind,
                trace_id=span.trace_id.hex(),
                span_id=span.span_id.hex(),
                parent_span_id=span.parent_span_id.hex(),
                attributes=_attributes(span.attributes),
                status=span.status.code,
                status_message=span.status.message,
                events=[(event.name, _attributes(event.attributes)) for event in span.events],
            )
            for body in self._bodies("/v1/traces")
            for group in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in group.scope_spans
            for span in scope.spans
        ]

    def logs(self) -> list[ReceivedLog]:
        """Return all log records received so far."""
        return [
            ReceivedLog(
                resource=_attributes(group.resource.attributes),
                scope=scope.scope.name,
                body=_value(record.body),
                severity=record.severity_text,
                severity_number=record.severity_number,
                time_unix_nano=record.time_unix_nano,
                trace_id=record.trace_id.hex(),
                span_id=record.span_id.hex(),
                attributes=_attributes(record.attributes),
            )
            for body in self._bodies("/v1/logs")
            for group in ExportLogsServiceRequest.FromString(body).resource_logs
            for scope in group.scope_logs
            for record in scope.log_records
        ]

    def metrics(self) -> set[tuple[str, str]]:
        """Return service and name of all metrics received so far."""
        return {
            (str(_attributes(group.resource.attributes)["service.name"]), metric.name)
            for body in self._bodies("/v1/metrics")
            for group in ExportMetricsServiceRequest.FromString(body).resource_metrics
            for scope in group.scope_metrics
            for metric in scope.metrics
        }

    def _bodies(self, path: str) -> list[bytes]:
        return [body for requested, body in list(self.requests) if requested == path]

    def _keep(self, path: str, body: bytes) -> None:
        with self._arrived:
            self.requests.append((path, body))
            self._arrived.notify_all()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        keep = self._keep

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                keep(self.path, body)
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the base has it
                """Say nothing."""

        return Handler


def _attributes(pairs: Iterable[KeyValue]) -> Attributes:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    return getattr(value, kind)
