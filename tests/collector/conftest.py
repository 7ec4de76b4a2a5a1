"""A collector on free ports, on a bus that can be told to fail."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from sightline_collector.collector import Collector
from sightline_core.bus.protocol import Position, Record
from sightline_core.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from sightline_core.bus.protocol import Message


@dataclass
class FakeBus:
    """Keeps what was sent; fails, waits and limits as a test wants it."""

    max_message_bytes: int = 8 << 20
    sent: list[Record] = field(default_factory=list)
    topics: dict[str, int] = field(default_factory=dict)
    failures: list[Exception] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.open.set()

    async def create_topic(self, topic: str, *, partitions: int) -> None:
        self.topics[topic] = partitions

    async def send(self, topic: str, message: Message, *, partition: int | None = None) -> Position:
        assert partition is None
        self.arrived.set()
        await self.open.wait()
        if self.failures:
            raise self.failures.pop(0)
        record = Record(
            topic,
            0,
            len(self.sent),
            time.time_ns() // 1_000_000,
            message.value,
            message.key,
            message.headers,
        )
        self.sent.append(record)
        return Position(topic, 0, record.offset)


@pytest.fixture
def bus() -> FakeBus:
    return FakeBus()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data_dir=tmp_path, otlp_grpc_port=0, otlp_http_port=0, bus_partitions=1)


@pytest.fixture
async def collector(bus: FakeBus, settings: Settings) -> AsyncIterator[Collector]:
    made = Collector(bus, settings)  # type: ignore[arg-type]
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def http(collector: Collector) -> AsyncIterator[httpx.AsyncClient]:
    url = f"http://127.0.0.1:{collector.http_port}"
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        yield client


@pytest.fixture
def spans() -> Callable[..., bytes]:
    """Make a request of so many spans, each with an attribute of so many bytes."""

    def make(count: int, size: int = 10) -> bytes:
        request = ExportTraceServiceRequest()
        resource = request.resource_spans.add()
        resource.resource.attributes.add(key="service.name").value.string_value = "shop"
        scope = resource.scope_spans.add()
        for number in range(count):
            span = scope.spans.add(name=f"span {number}", trace_id=b"t" * 16, span_id=b"s" * 8)
            span.attributes.add(key="filler").value.string_value = "x" * size
        body: bytes = request.SerializeToString()
        return body

    return make
