"""A real store, filled through the landing tables, and the API on it; a test has its own hour."""

from __future__ import annotations

import itertools
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import httpx
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from sightline_core.bus.embedded import EmbeddedBus
from sightline_core.bus.protocol import Record
from sightline_core.wire.envelope import delimited, envelope, headers
from sightline_core.wire.names import Signal
from sightline_pipeline.landing import landing
from sightline_query_api.app import create_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from pathlib import Path

    from fastapi import FastAPI

    from sightline_core.bus.protocol import Bus
    from sightline_core.settings import Settings
    from sightline_core.store.client import Store

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
_offsets = itertools.count(1)
KNOWN = frozenset(
    {
        "$ref", "anyOf", "type", "properties", "required", "items", "additionalProperties", "enum",
        "const", "title", "description", "default",
    }
)  # fmt: skip
TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict, "array": list, "string": str, "integer": int, "number": (int, float),
    "boolean": bool, "null": type(None),
}  # fmt: skip


@dataclass
class Telemetry:
    """Spans and logs of one test; times are nanoseconds after `start`, the start of its hour."""

    store: Store
    start: int
    origin: str
    spans: ExportTraceServiceRequest = field(default_factory=ExportTraceServiceRequest)
    records: ExportLogsServiceRequest = field(default_factory=ExportLogsServiceRequest)

    @property
    def range(self) -> dict[str, str]:
        """The parameters that ask for this test's hour."""
        return {"start": str(self.start), "end": str(self.start + HOUR)}

    def trace_id(self, number: int) -> str:
        """Return an id that only this test has."""
        return f"{self.start:016x}{number:016x}"

    def span(self, service: str, name: str, **given: Any) -> Any:
        """Add a span; `given` may have trace, id, parent, at, duration, kind, error, attributes."""
        group = self.spans.resource_spans.add()
        group.resource.attributes.extend(attributes({"service.name": service, "host.name": "h-1"}))
        span = group.scope_spans.add().spans.add(name=name, kind=given.get("kind", 2))
        span.trace_id = bytes.fromhex(self.trace_id(given.get("trace", 1)))
        span.span_id = given.get("id", 1).to_bytes(8, "big")
        if given.get("parent"):
            span.parent_span_id = given["parent"].to_bytes(8, "big")
        span.start_time_unix_nano = self.start + given.get("at", 0)
        span.end_time_unix_nano = span.start_time_unix_nano + given.get("duration", 1_000_000)
        span.status.code = (
            Status.STATUS_CODE_ERROR if given.get("error") else Status.STATUS_CODE_UNSET
        )
        span.attributes.extend(attributes(given.get("attributes", {})))
        return span

    def log(self, service: str, body: Any, **given: Any) -> Any:
        """Add a log record; `given` may have trace, span, at, severity, attributes."""
        group = self.records.resource_logs.add()
        group.resource.attributes.extend(attributes({"service.name": service, "host.name": "h-1"}))
        record = group.scope_logs.add().log_records.add(severity_number=given.get("severity", 9))
        record.body.CopyFrom(any_value(body))
        record.time_unix_nano = self.start + given.get("at", 0)
        if "trace" in given:
            record.trace_id = bytes.fromhex(self.trace_id(given["trace"]))
            record.span_id = given.get("span", 1).to_bytes(8, "big")
        record.attributes.extend(attributes(given.get("attributes", {})))
        return record

    def send(self) -> None:
        """Insert what was added, as one message per signal."""
        if groups := len(self.spans.resource_spans):
            self.insert(Signal.TRACES, self.spans.SerializeToString(), groups)
            self.spans.Clear()
        if groups := len(self.records.resource_logs):
            self.insert(Signal.LOGS, self.records.SerializeToString(), groups)
            self.records.Clear()

    def insert(self, signal: Signal, body: bytes, records: int) -> None:
        """Insert one message as the pipeline does."""
        offset = next(_offsets)
        known = headers(
            tenant="default", origin=self.origin, seq=offset, records=records,
            received_at_unix_nano=self.start,
        )  # fmt: skip
        record = Record(signal.topic, 0, offset, self.start // 1_000_000, body, None, known)
        extra = envelope(record, accept_past_seconds=HOUR / SECOND, accept_future_seconds=7200)
        landing(signal).insert(self.store, delimited(body, extra), f"{signal}-{offset}")


def any_value(value: Any) -> AnyValue:  # noqa: PLR0911 - one case each
    """Return a Python value as OTLP has it."""
    match value:
        case None:
            return AnyValue()
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case list():
            return AnyValue(array_value=ArrayValue(values=[any_value(item) for item in value]))
        case dict():
            return AnyValue(kvlist_value=KeyValueList(values=attributes(value)))
    return AnyValue(string_value=str(value))


def attributes(values: Mapping[str, Any]) -> list[KeyValue]:
    """Return attributes as OTLP has them."""
    return [KeyValue(key=key, value=any_value(value)) for key, value in values.items()]


@pytest.fixture(scope="session")
def settings(store_settings: Settings) -> Settings:
    return store_settings


@pytest.fixture(scope="session")
def hours() -> Iterator[int]:
    first = (time.time_ns() - 20 * 24 * HOUR) // HOUR * HOUR
    return (first + 2 * number * HOUR for number in itertools.count())


@pytest.fixture
def telemetry(store: Store, hours: Iterator[int], request: pytest.FixtureRequest) -> Telemetry:
    return Telemetry(store, next(hours), origin=request.node.name[:60])


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Bus]:
    bus = EmbeddedBus(tmp_path / "bus")
    for signal in Signal:
        await bus.create_topic(signal.topic, partitions=1)
    yield bus
    await bus.close()


@pytest.fixture
def app(store: Store, bus: Bus, settings: Settings, tmp_path: Path) -> FastAPI:
    return create_app(store, bus, settings, static=tmp_path / "no-web-app")


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://sightline") as client:
        yield client


class Get(Protocol):
    """Asks the API below /api/v1; checks the status, and the body against the OpenAPI document."""

    async def __call__(self, path: str, expect: int = 200, /, **parameters: Any) -> Any: ...


@pytest.fixture
def get(client: httpx.AsyncClient, app: FastAPI) -> Get:
    document = app.openapi()

    async def get(path: str, expect: int = 200, /, **parameters: Any) -> Any:
        response = await client.get(f"/api/v1{path}", params=parameters)
        assert response.status_code == expect, response.text
        kind = "application/json" if expect == 200 else "application/problem+json"
        assert response.headers["content-type"] == kind
        body = response.json()
        check(body, response_schema(document, f"/api/v1{path}", expect), document)
        return body

    return get


class Pages(Protocol):
    """Follows the cursors of a listing and returns the items of all its pages."""

    async def __call__(self, path: str, /, **parameters: Any) -> list[Any]: ...


@pytest.fixture
def pages(get: Get) -> Pages:
    async def pages(path: str, /, **parameters: Any) -> list[Any]:
        items = []
        while True:
            page = await get(path, **parameters)
            items += page["items"]
            if not page["next_cursor"]:
                return items
            assert len(page["items"]) == parameters["limit"]
            parameters["cursor"] = page["next_cursor"]

    return pages


def response_schema(document: dict[str, Any], path: str, status: int) -> dict[str, Any]:
    """Return the schema that the document gives for an answer of GET `path`."""
    template = max((known for known in document["paths"] if _fits(path, known)), key=len)
    response = document["paths"][template]["get"]["responses"]["200" if status == 200 else "4XX"]
    kind = "application/json" if status == 200 else "application/problem+json"
    schema: dict[str, Any] = response["content"][kind]["schema"]
    return schema


def check(value: Any, schema: dict[str, Any], document: dict[str, Any], at: str = "$") -> None:
    """Assert that a value is what the schema says, with nothing that the schema does not know."""
    assert set(schema) <= KNOWN, set(schema) - KNOWN
    if reference := schema.get("$ref"):
        check(value, document["components"]["schemas"][reference.rsplit("/", 1)[1]], document, at)
        return
    if choices := schema.get("anyOf"):
        check(value, next(one for one in choices if _is(value, one)), document, at)
        return
    if "enum" in schema:
        assert value in schema["enum"], at
    if "type" in schema:
        assert _is(value, schema), f"{at} is {value!r:.60}, not {schema['type']}"
    if isinstance(value, list):
        for number, item in enumerate(value[:1000]):
            check(item, schema["items"], document, f"{at}[{number}]")
    if isinstance(value, dict) and "properties" in schema:
        assert set(schema.get("required", ())) <= set(value), at
        for name, member in value.items():
            assert name in schema["properties"], f"{at}.{name} is not in the document"
            check(member, schema["properties"][name], document, f"{at}.{name}")


def _is(value: Any, schema: dict[str, Any]) -> bool:
    if "$ref" in schema:
        return isinstance(value, dict)
    kind = schema["type"]
    return isinstance(value, TYPES[kind]) and (kind == "boolean") == isinstance(value, bool)


def _fits(path: str, template: str) -> bool:
    parts = re.split(r"{[^}]*}", template)
    return re.fullmatch(".+".join(map(re.escape, parts)), path, re.DOTALL) is not None
