"""What a stock OpenTelemetry SDK exports arrives in the store: SDK, collector, bus, pipeline."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest
from grpc import Compression as GrpcCompression
from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import (
    OTLPMetricExporter as GrpcMetrics,
)
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http import Compression as HttpCompression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import (
    OTLPMetricExporter as HttpMetrics,
)
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from sightline_collector.collector import Collector
from sightline_core.bus.embedded import EmbeddedBus
from sightline_core.wire.names import PIPELINE_GROUP, Signal
from sightline_pipeline.service import Pipeline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sightline_core.settings import Settings


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[EmbeddedBus]:
    bus = EmbeddedBus(tmp_path / "bus")
    yield bus
    await bus.close()


@pytest.fixture
async def collector(
    bus: EmbeddedBus, lane: Any, store_settings: Settings
) -> AsyncIterator[Collector]:
    settings = store_settings.model_copy(update={"otlp_grpc_port": 0, "otlp_http_port": 0})
    collector = Collector(bus, settings)
    pipeline = Pipeline(bus, lane.store, settings)
    await pipeline.start()
    await collector.start()
    yield collector
    await collector.stop()
    await pipeline.stop()


def exporters(collector: Collector, transport: str, compression: str) -> tuple[Any, Any, Any]:
    if transport == "grpc":
        given: dict[str, Any] = {
            "endpoint": f"http://127.0.0.1:{collector.grpc_port}",
            "insecure": True,
            "compression": {"none": GrpcCompression.NoCompression, "gzip": GrpcCompression.Gzip,
                            "deflate": GrpcCompression.Deflate}[compression],
        }  # fmt: skip
        return GrpcSpans(**given), GrpcLogs(**given), GrpcMetrics(**given)
    base = f"http://127.0.0.1:{collector.http_port}/v1"
    chosen = {"none": HttpCompression.NoCompression, "gzip": HttpCompression.Gzip,
              "deflate": HttpCompression.Deflate}[compression]  # fmt: skip
    return (
        HttpSpans(endpoint=f"{base}/traces", compression=chosen),
        HttpLogs(endpoint=f"{base}/logs", compression=chosen),
        HttpMetrics(endpoint=f"{base}/metrics", compression=chosen),
    )


def produce(resource: Resource, spans: Any, logs: Any, metrics: Any) -> trace.SpanContext:
    """Make one of everything with the SDK and export it; return the context of the span."""
    tracers = TracerProvider(resource=resource)
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    loggers = LoggerProvider(resource=resource)
    loggers.add_log_record_processor(SimpleLogRecordProcessor(logs))
    meters = MeterProvider(
        resource=resource,
        metric_readers=[PeriodicExportingMetricReader(metrics, export_interval_millis=3_600_000)],
        views=[View(instrument_type=Histogram, instrument_name="exponential",
                    aggregation=ExponentialBucketHistogramAggregation())],
    )  # fmt: skip
    meter = meters.get_meter("shop.meter", "2.0")
    counter, gauge = meter.create_counter("requests", unit="1"), meter.create_gauge("depth")
    plain, exponential = meter.create_histogram("duration"), meter.create_histogram("exponential")

    tracer = tracers.get_tracer("shop.tracer", "1.0")
    linked = trace.SpanContext(trace_id=7, span_id=8, is_remote=True)
    with tracer.start_as_current_span(
        "checkout", kind=trace.SpanKind.SERVER, links=[trace.Link(linked, {"why": "retry"})],
        attributes={"n": 2**62, "ok": True, "ratio": 0.5, "tags": ["a", "b"], "text": "ü"},
    ) as span:  # fmt: skip
        span.add_event("waited", {"ms": 5})
        span.set_status(trace.StatusCode.ERROR, "no stock")
        loggers.get_logger("shop.logger").emit(
            LogRecord(
                timestamp=time.time_ns(),
                severity_number=SeverityNumber.WARN,
                severity_text="WARN",
                body={"left": 3},
                attributes={"sku": "x-1"},
                event_name="stock.low",
            )
        )
        counter.add(2**53 + 1, {"route": "/"})
        gauge.set(0.25)
        plain.record(7.5)
        exponential.record(7.5)
    for provider in (tracers, loggers, meters):
        provider.shutdown()
    return span.get_span_context()


async def settled(bus: EmbeddedBus) -> None:
    """Return when the pipeline has committed everything that the collector accepted."""
    for signal in Signal:
        while any(  # noqa: ASYNC110 - the bus has no event for a group's progress
            lag.messages for lag in await bus.lag(PIPELINE_GROUP, signal.topic)
        ):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("compression", ["none", "gzip", "deflate"])
@pytest.mark.parametrize("transport", ["grpc", "http"])
async def test_a_stock_sdk_s_telemetry_is_stored(
    bus: EmbeddedBus, collector: Collector, lane: Any, transport: str, compression: str
) -> None:
    resource = Resource.create({"service.name": lane.service, "deployment": "test"})
    targets = exporters(collector, transport, compression)
    context = await asyncio.to_thread(produce, resource, *targets)
    await settled(bus)

    trace_id, span_id = f"{context.trace_id:032x}", f"{context.span_id:016x}"
    span = lane.row("otel_traces")
    assert (span["TraceId"], span["SpanId"], span["ParentSpanId"]) == (trace_id, span_id, "")
    assert (span["SpanName"], span["SpanKind"]) == ("checkout", "Server")
    assert (span["StatusCode"], span["StatusMessage"]) == ("Error", "no stock")
    assert (span["ScopeName"], span["ScopeVersion"]) == ("shop.tracer", "1.0")
    assert span["SpanAttributes"] == {
        "n": str(2**62), "ok": "true", "ratio": "0.5", "tags": '["a","b"]', "text": "ü",
    }  # fmt: skip
    assert span["SpanAttributeTypes"] == "ibdas"
    assert span["ResourceAttributes"]["deployment"] == "test"
    assert span["ResourceAttributes"]["telemetry.sdk.language"] == "python"
    assert (span["Events.Name"], span["Events.Attributes"]) == (["waited"], [{"ms": "5"}])
    assert (span["Links.TraceId"], span["Links.SpanId"]) == ([f"{7:032x}"], [f"{8:016x}"])
    assert span["Warnings"] == []

    line = lane.row("otel_logs")
    assert (line["Body"], line["Severity"], line["BodyType"]) == ('{"left":3}', "warn", "k")
    assert (line["EventName"], line["TimeSource"]) == ("stock.low", "time")
    assert (line["TraceId"], line["SpanId"]) == (trace_id, span_id)
    assert line["TraceFlags"] == int(context.trace_flags)
    assert line["LogAttributes"]["sku"] == "x-1"

    counted = lane.row("otel_metrics_sum", "MetricName = 'requests'")
    assert (counted["IntValue"], counted["IsMonotonic"]) == (2**53 + 1, True)
    assert (counted["Attributes"], counted["MetricUnit"]) == ({"route": "/"}, "1")
    assert counted["Exemplars.TraceId"] == [trace_id]
    assert lane.row("otel_metrics_gauge", "MetricName = 'depth'")["Value"] == 0.25
    plain = lane.row("otel_metrics_histogram", "MetricName = 'duration'")
    assert (plain["Count"], plain["Sum"], plain["Present"]) == (1, 7.5, ["sum", "min", "max"])
    assert sum(plain["BucketCounts"]) == 1
    exponential = lane.row("otel_metrics_exponential_histogram", "MetricName = 'exponential'")
    assert (exponential["Count"], exponential["Min"], exponential["Max"]) == (1, 7.5, 7.5)
    assert sum(exponential["PositiveBucketCounts"]) == 1
    assert exponential["Scale"] == 20

    ledger = lane.store.rows(
        "SELECT Signal, sum(Stored) AS stored, any(Origin) AS origin FROM sightline_ledger "
        "WHERE ServiceName = {service:String} GROUP BY Signal",
        {"service": lane.service},
    )
    stored = {row["Signal"]: row["stored"] for row in ledger}
    assert (stored["traces"], stored["logs"]) == (1, 1)
    assert {row["origin"] for row in ledger} == {collector.origin}
