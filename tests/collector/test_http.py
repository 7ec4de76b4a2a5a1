"""The OTLP/HTTP contract, one status code after the other."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

if TYPE_CHECKING:
    import httpx

    from tests_collector import FakeBus

PB = {"content-type": "application/x-protobuf"}


def spans(count: int) -> bytes:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for number in range(count):
        scope.spans.add(name=f"span {number}", trace_id=b"t" * 16, span_id=b"s" * 8)
    return request.SerializeToString()


async def test_protobuf_reaches_the_bus_unchanged(http: httpx.AsyncClient, bus: FakeBus) -> None:
    body = spans(3)
    response = await http.post("/v1/traces", content=body, headers=PB)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/x-protobuf"
    assert ExportTraceServiceResponse.FromString(response.content) == ExportTraceServiceResponse()
    assert bus.sent[0].value == body
