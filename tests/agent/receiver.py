"""A real OTLP/HTTP receiver on 127.0.0.1 that keeps what it gets."""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue


class Receiver:
    """Records requests; `spans`, `logs`, `metrics` flatten them to plain dictionaries."""

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self.requests: list[tuple[str, bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                with receiver._arrived:
                    receiver.requests.append((self.path, body))
                    receiver._arrived.notify_all()
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait(self, condition: Callable[[], object], seconds: float = 20) -> None:
        """Block until the condition holds; every arriving request looks again."""
        with self._arrived:
            assert self._arrived.wait_for(condition, seconds), "telemetry did not arrive"

    def spans(self) -> list[dict[str, Any]]:
        found = []
        for body in self._bodies("/v1/traces"):
            for group in ExportTraceServiceRequest.FromString(body).resource_spans:
                resource = attributes(group.resource.attributes)
                for scope in group.scope_spans:
                    found += [
                        {
                            "resource": resource,
                            "service": resource["service.name"],
                            "scope": scope.scope.name,
                            "name": span.name,
                            "kind": span.kind,
                            "trace_id": span.trace_id.hex(),
                            "span_id": span.span_id.hex(),
                            "parent_span_id": span.parent_span_id.hex(),
                            "attributes": attributes(span.attributes),
                            "status": span.status.code,
                            "status_message": span.status.message,
                            "links": [link.trace_id.hex() for link in span.links],
                            "events": [
                                {"name": e.name, "attributes": attributes(e.attributes)}
                                for e in span.events
                            ],
                        }
                        for span in scope.spans
                    ]
        return found

    def logs(self) -> list[dict[str, Any]]:
        found = []
        for body in self._bodies("/v1/logs"):
            for group in ExportLogsServiceRequest.FromString(body).resource_logs:
                resource = attributes(group.resource.attributes)
                for scope in group.scope_logs:
                    found += [
                        {
                            "resource": resource,
                            "service": resource["service.name"],
                            "scope": scope.scope.name,
                            "body": value(record.body),
                            "severity": record.severity_text,
                            "severity_number": record.severity_number,
                            "time": record.time_unix_nano,
                            "trace_id": record.trace_id.hex(),
                            "span_id": record.span_id.hex(),
                            "attributes": attributes(record.attributes),
                        }
                        for record in scope.log_records
                    ]
        return found

    def metrics(self) -> set[tuple[str, str]]:
        """Return (service, metric name)."""
        return {
            (attributes(group.resource.attributes)["service.name"], metric.name)
            for body in self._bodies("/v1/metrics")
            for group in ExportMetricsServiceRequest.FromString(body).resource_metrics
            for scope in group.scope_metrics
            for metric in scope.metrics
        }

    def _bodies(self, path: str) -> list[bytes]:
        return [body for requested, body in list(self.requests) if requested == path]


def attributes(pairs: Any) -> dict[str, Any]:
    """Return OTLP attributes as a dictionary."""
    result: dict[str, Any] = {}
    pair: KeyValue
    for pair in pairs:
        result[pair.key] = value(pair.value)
    return result


def value(any_value: AnyValue) -> Any:
    """Return an OTLP value as a Python value."""
    kind = any_value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [value(item) for item in any_value.array_value.values]
    if kind == "kvlist_value":
        return attributes(any_value.kvlist_value.values)
    return getattr(any_value, kind)
