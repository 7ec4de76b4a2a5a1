"""A stock OpenTelemetry Collector and Sightline on one Kafka: each reads what the other wrote.

What the Collector's kafka exporter writes, from its documentation: topics `otlp_spans`,
`otlp_metrics`, `otlp_logs`; encoding `otlp_proto`, an unframed Export*ServiceRequest; no key, or
with `partition_traces_by_id` the trace id in lower-case hex; no headers unless told to. Its
receiver expects the same and ignores headers that it does not know.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Metric, NumberDataPoint
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.contracts.conftest import KafkaFactory
from tests.pipeline.running import KafkaLog, Run, use_own_names

from sightline_collector.collector import Collector
from sightline_core.bus.partitioner import partition_of_key
from sightline_core.wire.names import PIPELINE_GROUP, Signal
from sightline_pipeline import stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.broker.cluster import KafkaCluster

    from sightline_core.settings import Settings


@pytest.fixture
async def run(
    lane: Any,
    otlp: Any,
    kafka: KafkaCluster,
    store_settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Run]:
    use_own_names(monkeypatch)
    made = Run(lane, otlp, KafkaLog(KafkaFactory(kafka)), store_settings)
    yield made
    await made.crash()


def span(lane: Any, trace: int, number: int) -> Span:
    return Span(
        trace_id=lane.trace_id(trace),
        span_id=number.to_bytes(8, "big"),
        name="work",
        start_time_unix_nano=lane.now,
        end_time_unix_nano=lane.now + 1,
    )


@pytest.mark.parametrize("compression", [None, "gzip"])
async def test_what_a_stock_collector_writes_is_stored(
    run: Run, otlp: Any, kafka: KafkaCluster, compression: str | None
) -> None:
    lane, bus = run.lane, await run.bus()
    for signal in Signal:
        await bus.create_topic(signal.topic, partitions=2)
    point = NumberDataPoint(time_unix_nano=lane.now, as_double=1.5)
    async with AIOKafkaProducer(
        bootstrap_servers=kafka.bootstrap, compression_type=compression
    ) as exporter:
        for trace in (1, 2, 3):
            request = otlp.spans(lane.service, span(lane, trace, 1), span(lane, trace, 2))
            key = lane.trace_id(trace).hex().encode()
            sent = await exporter.send_and_wait(
                Signal.TRACES.topic, request.SerializeToString(), key=key
            )
            assert sent.partition == partition_of_key(key, 2), "the same murmur2 as ours"
        await exporter.send_and_wait(
            Signal.LOGS.topic,
            otlp.logs(lane.service, LogRecord(time_unix_nano=lane.now)).SerializeToString(),
        )
        metric = Metric(name="temperature", gauge=Gauge(data_points=[point]))
        await exporter.send_and_wait(
            Signal.METRICS.topic, otlp.metrics(lane.service, metric).SerializeToString()
        )
    await until_read(run)
    assert len(lane.rows("otel_traces")) == 6
    assert len(lane.rows("otel_logs")) == 1
    assert lane.row("otel_metrics_gauge")["Value"] == 1.5


async def test_what_is_no_telemetry_goes_to_the_dead_letters_and_the_rest_is_stored(
    run: Run, kafka: KafkaCluster
) -> None:
    lane, bus = run.lane, await run.bus()
    await bus.create_topic(Signal.TRACES.topic, partitions=1)
    json = b'{"resourceSpans":[]}'
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as foreign:
        for number, value in enumerate(
            [b"\xff\xff\xff", json, None, run.span(1), b"", run.span(2)]
        ):
            await foreign.send_and_wait(Signal.TRACES.topic, value, key=b"%d" % number)
    await until_read(run)
    assert len(lane.rows("otel_traces")) == 2
    letters = await run.dead_letters()
    assert [(letter.key, letter.value) for letter in letters] == [
        (b"0", b"\xff\xff\xff"),
        (b"1", json),
    ]


async def test_a_kafka_receiver_reads_what_our_collector_wrote(
    run: Run, otlp: Any, kafka: KafkaCluster
) -> None:
    sent: ExportTraceServiceRequest = otlp.spans(run.lane.service, span(run.lane, 1, 1))
    settings = run.settings.model_copy(update={"otlp_grpc_port": 0, "otlp_http_port": 0})
    collector = Collector(await run.bus(), settings)
    await collector.start()
    try:
        async with httpx.AsyncClient() as client:
            answer = await client.post(
                f"http://127.0.0.1:{collector.http_port}/v1/traces",
                content=sent.SerializeToString(),
                headers={"content-type": "application/x-protobuf"},
            )
        assert answer.status_code == 200
    finally:
        await collector.stop()
    receiver = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap)
    async with receiver:
        receiver.assign([TopicPartition(Signal.TRACES.topic, 0)])
        await receiver.seek_to_beginning()
        message = await asyncio.wait_for(receiver.getone(), 20)
    assert ExportTraceServiceRequest.FromString(message.value) == sent
    assert all(name.startswith("sightline-") for name, _ in message.headers)


async def until_read(run: Run) -> None:
    """Run a pipeline until its group has read all of all signals."""
    bus = await run.bus()
    group = vars(stream)["PIPELINE_GROUP"]
    assert group != PIPELINE_GROUP, "a group of the test's own"
    pipeline = run.pipeline(bus)
    await pipeline.start()
    running = asyncio.create_task(pipeline.wait())
    try:
        async with asyncio.timeout(60):
            while True:
                lags = [lag for signal in Signal for lag in await bus.lag(group, signal.topic)]
                if lags and not any(lag.messages for lag in lags):
                    return
                assert not running.done(), running.exception()
                await asyncio.sleep(0.05)
    finally:
        await pipeline.stop()
        await asyncio.gather(running, return_exceptions=True)
