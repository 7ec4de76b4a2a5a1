"""`sightline collector` as a process of its own, in front of Kafka."""

from __future__ import annotations

import re
import signal
import subprocess
import uuid
from typing import TYPE_CHECKING

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.end_to_end.running import SIGHTLINE, environment

from sightline_core.bus.kafka.bus import KafkaBus
from sightline_core.bus.kafka.options import KafkaOptions
from sightline_core.bus.protocol import TopicPartition

if TYPE_CHECKING:
    from pathlib import Path

    from tests.broker.cluster import KafkaCluster


async def test_what_it_acknowledged_is_on_kafka_after_it_ended(
    kafka: KafkaCluster, tmp_path: Path
) -> None:
    service = uuid.uuid4().hex
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add()
    spans.resource.attributes.add(key="service.name").value.string_value = service
    spans.scope_spans.add().spans.add(trace_id=b"1" * 16, span_id=b"2" * 8, name="work")
    process = subprocess.Popen(  # noqa: ASYNC220 - nothing else runs here
        [str(SIGHTLINE), "collector"],
        env=environment(
            {"SIGHTLINE_BUS": "kafka", "SIGHTLINE_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap}
        ),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = re.search(r"HTTP on \S+:(\d+)", process.stdout.readline())
        assert said is not None
        answer = httpx.post(  # noqa: ASYNC210
            f"http://127.0.0.1:{said[1]}/v1/traces",
            content=request.SerializeToString(),
            headers={"content-type": "application/x-protobuf"},
        )
        assert answer.status_code == 200
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors

    bus = KafkaBus(KafkaOptions(bootstrap_servers=kafka.bootstrap))
    values = [
        record.value
        for lag in await bus.lag("nobody", "otlp_spans")
        for record in await bus.read(TopicPartition("otlp_spans", lag.partition), 0, lag.end - 1)
    ]
    await bus.close()
    assert request.SerializeToString() in values
