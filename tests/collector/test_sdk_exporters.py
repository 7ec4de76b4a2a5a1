"""Stock OpenTelemetry exporters, every protocol and compression, onto the embedded bus."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import (
    OTLPMetricExporter as GrpcMetrics,
)
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import (
    OTLPMetricExporter as HttpMetrics,
)
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from sightline_collector.collector import Collector
from sightline_core.bus.embedded import EmbeddedBus
from sightline_core.bus.protocol import TopicPartition
from sightline_core.wire.names import Signal
from sightline_core.wire.schema import schema

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sightline_core.settings import Settings

RESOURCE = Resource({"service.name": "stock", "list": ["a", "b"]})
SPANS = 700  # more than one batch


@pytest.fixture
async def embedded(settings: Settings) -> AsyncIterator[EmbeddedBus]:
    bus = EmbeddedBus.from_settings(settings)
    yield bus
    await bus.close()


@pytest.fixture
async def running(embedded: EmbeddedBus, settings: Settings) -> AsyncIterator[Collector]:
    collector = Collector(embedded, settings)
    await collector.start()
    yield collector
    await collector.stop()


def grpc_exporters(collector: Collector, codec: grpc.Compression) -> tuple[Any, Any, Any]:
    options: dict[str, Any] = {
        "endpoint": f"127.0.0.1:{collector.grpc_port}",
        "insecure": True,
        "compression": codec,
    }
    return GrpcSpans(**options), GrpcLogs(**options), GrpcMetrics(**options)


def http_exporters(collector: Collector, codec: Compression) -> tuple[Any, Any, Any]:
    def options(signal: Signal) -> dict[str, Any]:
        url = f"http://127.0.0.1:{collector.http_port}/v1/{signal}"
        return {"endpoint": url, "compression": codec}

    return (
        HttpSpans(**options(Signal.TRACES)),
        HttpLogs(**options(Signal.LOGS)),
        HttpMetrics(**options(Signal.METRICS)),
    )


def emit(spans: Any, logs: Any, metrics: Any) -> None:
    """Run in a thread: the exporters block, and the collector lives on the test's loop."""
    tracing = TracerProvider(resource=RESOURCE)
    tracing.add_span_processor(BatchSpanProcessor(spans))
    tracer = tracing.get_tracer("scope", "1.0")
    for number in range(SPANS):
        with tracer.start_as_current_span(f"span {number}", attributes={"n": number}) as span:
            span.add_event("event", {"k": 1.5})
    logging = LoggerProvider(resource=RESOURCE)
    logging.add_log_record_processor(BatchLogRecordProcessor(logs))
    for number in range(3):
        logging.get_logger("scope").emit(
            LogRecord(
                timestamp=1, body={"n": number}, severity_number=SeverityNumber.WARN, attributes={}
            )
        )
    meters = MeterProvider([PeriodicExportingMetricReader(metrics, 3_600_000)], resource=RESOURCE)
    meter = meters.get_meter("scope")
    meter.create_counter("counter").add(2, {"k": "a"})
    meter.create_histogram("histogram").record(1.5)
    for provider in (tracing, logging, meters):
        assert provider.force_flush()
        provider.shutdown()


async def held(bus: EmbeddedBus, signal: Signal) -> list[Any]:
    (lag,) = await bus.lag("test", signal.topic)
    records = await bus.read(TopicPartition(signal.topic, 0), 0, lag.end - 1)
    return [schema(signal).request.FromString(record.value) for record in records]


CASES = [
    *((grpc_exporters, codec) for codec in grpc.Compression),
    *((http_exporters, codec) for codec in Compression),
]


@pytest.mark.parametrize(("exporters", "codec"), CASES)
async def test_everything_that_was_sent_is_on_the_bus(
    running: Collector, embedded: EmbeddedBus, exporters: Any, codec: Any
) -> None:
    await asyncio.to_thread(emit, *exporters(running, codec))

    spans = [
        span
        for request in await held(embedded, Signal.TRACES)
        for span in request.resource_spans[0].scope_spans[0].spans
    ]
    assert [span.name for span in spans] == [f"span {number}" for number in range(SPANS)]
    assert [span.attributes[0].value.int_value for span in spans] == list(range(SPANS))
    assert {span.events[0].attributes[0].value.double_value for span in spans} == {1.5}

    (logs,) = await held(embedded, Signal.LOGS)
    records = logs.resource_logs[0].scope_logs[0].log_records
    bodies = [record.body.kvlist_value.values[0].value.int_value for record in records]
    assert bodies == [0, 1, 2]
    assert {record.severity_number for record in records} == {13}

    (metrics, *_) = await held(embedded, Signal.METRICS)
    counter, histogram = metrics.resource_metrics[0].scope_metrics[0].metrics
    assert counter.sum.data_points[0].as_int == 2
    assert histogram.histogram.data_points[0].sum == 1.5

    stats = running.stats().signals
    assert stats[Signal.TRACES].records == SPANS
    assert stats[Signal.LOGS].records == 3
    assert not any(signal.refused for signal in stats.values())
