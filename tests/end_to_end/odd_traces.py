"""Traces that are hard on a web app: very large, very deep, hostile."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from tests.end_to_end.numbered import text

from sightline_collector.sample import send
from sightline_core.wire.names import Signal

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.end_to_end.running import Running

MS: Final = 1_000_000
PER_REQUEST: Final = 5000
HOSTILE: Final = (
    "<img src=x onerror=\"window.executed='img'\">",
    "<script>window.executed='script'</script>",
    '"><svg onload="window.executed=\'svg\'">',
    "javascript:window.executed='url'",
    "{{constructor.constructor('window.executed=1')()}}",
    "invoice\u202egnp.exe\u2066\u200f\u2069",
    "\x00\x01\x07\x1b[31mred\x1b[0m\r\n\t\x7f\x85\u2028",
    "../../etc/passwd?q=1#top&lt;%3Cb%3E%",
    "W" * 20_000,
    "\U0001f9ea" * 3_000 + "e" + "\u0301" * 3_000,
)


@dataclass(frozen=True, slots=True)
class Shape:
    """Who is whose child: `parent` gives the number of a span's parent, 0 is the root."""

    spans: int
    parent: Callable[[int], int]


def bushy(spans: int) -> Shape:
    """Every span has up to eight children."""
    return Shape(spans, lambda number: (number - 1) // 8)


def chain(spans: int) -> Shape:
    """Every span has one child."""
    return Shape(spans, lambda number: number - 1)


def send_trace(running: Running, shape: Shape) -> str:
    """Send a trace of that shape over twelve services; return its id once it is stored."""
    trace_id = secrets.token_bytes(16)
    start = time.time_ns() - 60_000 * MS
    for first in range(0, shape.spans, PER_REQUEST):
        request = ExportTraceServiceRequest()
        scopes = []
        for service in range(12):
            resource = request.resource_spans.add()
            resource.resource.attributes.append(text("service.name", f"service-{service:02}"))
            scopes.append(resource.scope_spans.add())
        for number in range(first, min(first + PER_REQUEST, shape.spans)):
            scopes[number % 12].spans.add(
                trace_id=trace_id,
                span_id=(number + 1).to_bytes(8, "big"),
                parent_span_id=(shape.parent(number) + 1).to_bytes(8, "big") if number else b"",
                name=f"operation {number}",
                kind=Span.SPAN_KIND_SERVER,
                start_time_unix_nano=start + number * 1000,
                end_time_unix_nano=start + 2 * shape.spans * 1000 - number * 1000,
                attributes=[text("http.route", f"/items/{number % 50}"), text("n", str(number))],
                status=Status(
                    code=Status.STATUS_CODE_ERROR if number % 997 == 5 else Status.STATUS_CODE_UNSET
                ),
            )
        send(running.otlp_http, Signal.TRACES, request)
    running.wait_drained()
    return trace_id.hex()


def send_hostile(running: Running) -> str:
    """Put every hostile text wherever text can be; return the trace id once all is stored."""
    trace_id = secrets.token_bytes(16)
    now = time.time_ns() - 1000 * MS
    spans = ExportTraceServiceRequest()
    logs = ExportLogsServiceRequest()
    for number, hostile in enumerate(HOSTILE):
        resource = spans.resource_spans.add(schema_url=hostile)
        resource.resource.attributes.extend([text("service.name", hostile), text(hostile, hostile)])
        scope = resource.scope_spans.add(schema_url=hostile)
        scope.scope.name = scope.scope.version = hostile
        attributes = [
            text(hostile, hostile),
            text("url.full", hostile),
            text("http.request.method", hostile),
            text("correlation.id", hostile[:200]),
        ]
        span = scope.spans.add(
            trace_id=trace_id,
            span_id=(number + 1).to_bytes(8, "big"),
            parent_span_id=number.to_bytes(8, "big") if number else b"",
            name=hostile,
            kind=Span.SPAN_KIND_SERVER,
            trace_state=hostile,
            start_time_unix_nano=now + number * MS,
            end_time_unix_nano=now + 100 * MS,
            attributes=attributes,
            status=Status(code=Status.STATUS_CODE_ERROR, message=hostile),
        )
        span.events.add(name=hostile, time_unix_nano=now, attributes=attributes)
        span.events.add(
            name="exception",
            time_unix_nano=now,
            attributes=[
                text("exception.type", hostile),
                text("exception.message", hostile),
                text("exception.stacktrace", hostile),
            ],
        )
        span.links.add(trace_id=trace_id, span_id=b"x" * 8, attributes=attributes)
        lines = logs.resource_logs.add()
        lines.resource.attributes.append(text("service.name", hostile))
        record = lines.scope_logs.add().log_records.add(
            trace_id=trace_id,
            span_id=span.span_id,
            time_unix_nano=now + number * MS,
            severity_number=17,
            severity_text=hostile,
            event_name=hostile,
            attributes=attributes,
        )
        record.body.string_value = hostile
    send(running.otlp_http, Signal.TRACES, spans)
    send(running.otlp_http, Signal.LOGS, logs)
    running.wait_drained()
    return trace_id.hex()
