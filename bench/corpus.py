"""A pre-encoded OTLP corpus: about 800 B a span, 360 B a log record, 200 B a data point.

Made once per seed, outside every measured interval. Ten services, ten spans a trace, attributes of
the semantic conventions with believable cardinalities, word-like log bodies.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import SeverityNumber
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from sightline_core.wire.names import Signal

SERVICES = (
    "storefront", "catalog", "cart", "checkout", "payment",
    "inventory", "shipping", "notifications", "accounts", "search",
)  # fmt: skip
LOGS_PER_REQUEST = 5
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
SEVERITIES = (
    SeverityNumber.SEVERITY_NUMBER_INFO,
    SeverityNumber.SEVERITY_NUMBER_WARN,
    SeverityNumber.SEVERITY_NUMBER_ERROR,
    SeverityNumber.SEVERITY_NUMBER_DEBUG,
)
CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
ROUTES = tuple(
    f"/api/v1/{noun}/{{id}}" for noun in ("products", "carts", "orders", "payments", "users")
)
WORDS = (
    *("request", "order", "payment", "declined", "accepted", "retry", "timeout", "connection"),
    *("refused", "cache", "miss", "hit", "stored", "loaded", "session", "customer", "basket"),
    *("reserved", "stock", "shipment", "label", "printed", "queued", "delivered", "upstream"),
    *("downstream", "slow", "query", "plan", "index", "scan", "worker", "started", "finished"),
    *("batch", "item", "items", "total", "discount"),
)


@dataclass(frozen=True, slots=True)
class Corpus:
    """Encoded requests of one signal.

    Attributes:
        messages: one OTLP export request each.
        records: spans, log records or data points in all of them.
    """

    signal: Signal
    messages: tuple[bytes, ...]
    records: int

    @property
    def size(self) -> int:
        """Bytes of all messages."""
        return sum(map(len, self.messages))


def corpus(signal: Signal, *, messages: int, per_message: int = 512, seed: int = 1) -> Corpus:
    """Return `messages` requests of `per_message` records each, spread over the last minute."""
    maker = _Maker(random.Random(seed))
    make = {Signal.TRACES: maker.traces, Signal.LOGS: maker.logs, Signal.METRICS: maker.metrics}[
        signal
    ]
    made = tuple(make(per_message) for _ in range(messages))
    return Corpus(signal, made, messages * per_message)


class _Maker:
    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.now = time.time_ns() - 60 * 10**9

    def moment(self) -> int:
        self.now += self.rng.randrange(200_000)
        return self.now

    def resource(self, service: str) -> Resource:
        host = f"{service}-{self.rng.randrange(4)}"
        return Resource(
            attributes=[
                text("service.name", service),
                text("service.version", "2.14.3"),
                text("service.instance.id", f"{host}:8080"),
                text("deployment.environment.name", "production"),
                text("host.name", host),
                text("telemetry.sdk.language", "python"),
                text("telemetry.sdk.name", "opentelemetry"),
                text("telemetry.sdk.version", "1.45.2"),
            ]
        )

    def traces(self, count: int) -> bytes:
        request = ExportTraceServiceRequest()
        scopes = {}
        for service in SERVICES:
            group = request.resource_spans.add(resource=self.resource(service))
            scopes[service] = group.scope_spans.add()
            scopes[service].scope.name = "opentelemetry.instrumentation.asgi"
            scopes[service].scope.version = "0.66b2"
        trace_id, parent = b"", b""
        for number in range(count):
            service = SERVICES[number % len(SERVICES)]
            if number % len(SERVICES) == 0:
                trace_id, parent = self.rng.randbytes(16), b""
            parent = self.span(scopes[service].spans.add(), trace_id, parent)
        return request.SerializeToString()

    def span(self, span: Span, trace_id: bytes, parent: bytes) -> bytes:
        rng = self.rng
        route = rng.choice(ROUTES)
        duration = int(rng.lognormvariate(16, 1.2))
        failed = rng.random() < 0.02
        span.trace_id, span.span_id, span.parent_span_id = trace_id, rng.randbytes(8), parent
        span.name = f"GET {route}"
        span.kind = rng.choice(
            (Span.SPAN_KIND_INTERNAL, Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT)
        )
        span.start_time_unix_nano = self.moment()
        span.end_time_unix_nano = span.start_time_unix_nano + duration
        span.status.code = Status.STATUS_CODE_ERROR if failed else Status.STATUS_CODE_UNSET
        span.flags = 0x101
        user = rng.randrange(100_000)
        span.attributes.extend(
            (
                text("http.request.method", "GET"),
                text("http.request.header.accept", "application/json, text/plain;q=0.8"),
                text("code.function.name", f"app.handlers.{route.split('/')[3]}.get"),
                text("url.scheme", "http"),
                text("http.route", route),
                text("url.path", route.replace("{id}", str(rng.randrange(1_000_000)))),
                text("server.address", f"{rng.choice(SERVICES)}.svc.cluster.local"),
                number("server.port", 8080),
                number("http.response.status_code", 500 if failed else 200),
                number("http.response.body.size", rng.randrange(100_000)),
                text(
                    "user_agent.original",
                    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/154",
                ),
                text("network.protocol.version", "1.1"),
                text(
                    "client.address",
                    f"10.{rng.randrange(4)}.{rng.randrange(256)}.{rng.randrange(256)}",
                ),
                text("enduser.pseudo.id", f"u-{user}"),
                text("correlation.id", trace_id.hex()[:24]),
                text("thread.name", f"worker-{rng.randrange(16)}"),
                number("thread.id", 1000 + rng.randrange(16)),
            )
        )
        if failed:
            event = span.events.add(time_unix_nano=span.end_time_unix_nano, name="exception")
            event.attributes.extend(
                (
                    text("exception.type", "TimeoutError"),
                    text("exception.message", "upstream timed out"),
                )
            )
        return bytes(span.span_id)

    def logs(self, count: int) -> bytes:
        request = ExportLogsServiceRequest()
        rng = self.rng
        trace_id, correlation_id = b"", ""
        for service in SERVICES:
            group = request.resource_logs.add(resource=self.resource(service))
            scope = group.scope_logs.add()
            scope.scope.name = f"{service}.handlers"
            for position in range(
                count // len(SERVICES) + (service in SERVICES[: count % len(SERVICES)])
            ):
                record = scope.log_records.add()
                if position % LOGS_PER_REQUEST == 0:
                    trace_id, correlation_id = rng.randbytes(16), rng.randbytes(12).hex()
                record.time_unix_nano = self.moment()
                record.observed_time_unix_nano = record.time_unix_nano + 1_000_000
                severity = rng.choices(SEVERITIES, (80, 6, 2, 12))[0]
                record.severity_number = severity
                name = SeverityNumber.Name(severity)
                record.severity_text = name.removeprefix("SEVERITY_NUMBER_")
                record.body.string_value = (
                    " ".join(rng.choices(WORDS, k=8)) + f" id={rng.randrange(10**6)}"
                )
                record.trace_id, record.span_id = trace_id, rng.randbytes(8)
                record.flags = 1
                record.attributes.extend(
                    (
                        text("code.function.name", "handle_request"),
                        text("session.kind", "browser"),
                        text("code.file.path", f"/app/{service}/handlers.py"),
                        number("code.line.number", rng.randrange(400)),
                        text("enduser.pseudo.id", f"u-{rng.randrange(100_000)}"),
                        text("correlation.id", correlation_id),
                    )
                )
        return request.SerializeToString()

    def metrics(self, count: int) -> bytes:
        request = ExportMetricsServiceRequest()
        rng = self.rng
        for service in SERVICES:
            group = request.resource_metrics.add(resource=self.resource(service))
            scope = group.scope_metrics.add()
            scope.scope.name = "opentelemetry.instrumentation.system_metrics"
            points = count // len(SERVICES) + (service in SERVICES[: count % len(SERVICES)])
            gauge = scope.metrics.add(name="system.cpu.utilization", unit="1").gauge
            total = scope.metrics.add(name="http.server.request.count", unit="{request}").sum
            total.aggregation_temporality, total.is_monotonic = CUMULATIVE, True
            histogram = scope.metrics.add(name="http.server.request.duration", unit="s").histogram
            histogram.aggregation_temporality = CUMULATIVE
            for position in range(points):
                attributes = (
                    text("http.request.method", rng.choice(("GET", "POST"))),
                    text("http.route", rng.choice(ROUTES)),
                    number("http.response.status_code", rng.choice((200, 404, 500))),
                )
                start, now = self.now - 60 * 10**9, self.moment()
                if position % 3 == 2:
                    histogram.data_points.add(
                        start_time_unix_nano=start,
                        time_unix_nano=now,
                        attributes=attributes,
                        count=100,
                        sum=rng.random() * 10,
                        explicit_bounds=BOUNDS,
                        bucket_counts=[rng.randrange(30) for _ in range(len(BOUNDS) + 1)],
                    )
                else:
                    (gauge, total)[position % 3].data_points.add(
                        start_time_unix_nano=start,
                        time_unix_nano=now,
                        attributes=attributes,
                        as_double=rng.random(),
                    )
        return request.SerializeToString()


def text(key: str, value: str) -> KeyValue:
    """Return a string attribute."""
    pair = KeyValue(key=key)
    pair.value.string_value = value
    return pair


def number(key: str, value: int) -> KeyValue:
    """Return an integer attribute."""
    pair = KeyValue(key=key)
    pair.value.int_value = value
    return pair
