"""The OTLP/HTTP contract: what is answered to what, status by status."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from backports import zstd
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from sightline_core.errors import BusFull, BusUnavailable
from sightline_core.wire.names import Signal
from sightline_core.wire.schema import schema

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import httpx
    from tests.collector.conftest import FakeBus

    from sightline_collector.collector import Collector
    from sightline_core.settings import Settings

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
PB = {"content-type": PROTOBUF}
JS = {"content-type": JSON}

CODECS: dict[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "GZIP": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstd.compress,
}


def status_of(response: httpx.Response) -> Any:
    """The google.rpc.Status of an error, in whichever type it came."""
    if response.headers["content-type"] == PROTOBUF:
        return status_pb2.Status.FromString(response.content)
    body = response.json()
    return status_pb2.Status(code=body["code"], message=body["message"])


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize("codec", CODECS)
async def test_protobuf_reaches_the_bus_byte_for_byte(
    http: httpx.AsyncClient, bus: FakeBus, signal: Signal, codec: str
) -> None:
    # Out of order and with an unknown field: whoever rebuilds it cannot give it back.
    body = b"\xfa\x3f\x03new" + b"\x0a\x04\x12\x02\x12\x00" + b"\x0a\x06\x1a\x00\x12\x02\x12\x00"
    if signal is Signal.METRICS:
        metric = b"\x0a\x01m\x2a\x02\x0a\x00"
        body = b"\x0a\x0b\x12\x09\x12\x07" + metric + b"\xfa\x3f\x03new"
    response = await http.post(
        f"/v1/{signal}", content=CODECS[codec](body), headers=PB | {"content-encoding": codec}
    )
    assert response.status_code == 200
    assert response.headers["content-type"] == PROTOBUF
    assert response.content == b""  # partial_success must be unset
    (record,) = bus.sent
    assert (record.topic, record.value) == (signal.topic, body)


async def test_json_is_translated_and_answered_in_json(
    http: httpx.AsyncClient, bus: FakeBus
) -> None:
    body = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "hi"}}]}]}]}
    response = await http.post(
        "/v1/logs", content=json.dumps(body), headers={"content-type": f"{JSON}; charset=utf-8"}
    )
    assert (response.status_code, response.json()) == (200, {})
    assert response.headers["content-type"] == JSON
    request = schema(Signal.LOGS).request.FromString(bus.sent[0].value)
    assert request.resource_logs[0].scope_logs[0].log_records[0].body.string_value == "hi"


async def test_every_message_says_who_counted_it(
    http: httpx.AsyncClient, bus: FakeBus, collector: Collector, spans: Callable[..., bytes]
) -> None:
    for count in (1, 2, 3):
        await http.post("/v1/traces", content=spans(count), headers=PB)
    for number, record in enumerate(bus.sent, start=1):
        assert record.header("sightline-tenant") == b"default"
        assert record.header("sightline-origin") == collector.origin.encode()
        assert record.header("sightline-seq") == b"%d" % number
        assert record.header("sightline-records") == b"%d" % number
        received = int(record.header("sightline-received-at") or 0) // 1_000_000
        assert abs(received - record.timestamp_ms) < 5_000
        assert record.key is None


@pytest.mark.parametrize(
    ("headers", "body"), [(PB, b""), (PB, b"\x0a\x00"), (JS, b"{}"), (JS, b'{"resourceSpans":[]}')]
)
async def test_an_empty_request_succeeds_and_writes_nothing(
    http: httpx.AsyncClient, bus: FakeBus, headers: dict[str, str], body: bytes
) -> None:
    response = await http.post("/v1/traces", content=body, headers=headers)
    assert response.status_code == 200
    assert bus.sent == []


REFUSED: list[tuple[str, str, str, dict[str, str], bytes, int, int, str]] = [
    ("malformed", "POST", "traces", PB, b"\x0a\x05abc", 400, 3, "cannot read the request"),
    ("malformed json", "POST", "traces", JS, b"{", 400, 3, "not JSON"),
    ("no telemetry", "POST", "logs", JS, b"[]", 400, 3, "expected an object, got an array"),
    ("bad gzip", "POST", "traces", PB | {"content-encoding": "gzip"}, b"xx", 400, 3, "gzip"),
    ("bad deflate", "POST", "traces", PB | {"content-encoding": "deflate"}, b"xx", 400, 3, "def"),
    ("bad zstd", "POST", "traces", PB | {"content-encoding": "zstd"}, b"xxxx", 400, 3, "zstd"),
    ("no path", "POST", "nothing", PB, b"", 404, 5, "/v1/traces, /v1/logs, /v1/metrics"),
    ("no slash", "POST", "traces/", JS, b"", 404, 5, "cannot find /v1/traces/"),
    ("get", "GET", "traces", PB, b"", 405, 12, "use POST"),
    ("put", "PUT", "metrics", JS, b"", 405, 12, "use POST"),
    ("type", "POST", "traces", {"content-type": "text/plain"}, b"", 415, 3, "'text/plain'"),
    ("no type", "POST", "traces", {}, b"", 415, 3, f"{PROTOBUF} or {JSON}"),
    ("codec", "POST", "logs", PB | {"content-encoding": "br"}, b"", 415, 12, "gzip, deflate, zstd"),
    ("codecs", "POST", "logs", JS | {"content-encoding": "gzip, gzip"}, b"", 415, 12, "zstd"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "http_status", "code", "message"),
    [case[1:] for case in REFUSED],
    ids=[case[0] for case in REFUSED],
)
async def test_what_is_wrong_is_refused_for_good_with_a_status(  # noqa: PLR0917 - a table
    http: httpx.AsyncClient,
    bus: FakeBus,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    http_status: int,
    code: int,
    message: str,
) -> None:
    response = await http.request(method, f"/v1/{path}", content=body, headers=headers)
    assert response.status_code == http_status
    expected_type = PROTOBUF if headers.get("content-type") == PROTOBUF else JSON
    assert response.headers["content-type"] == expected_type
    status = status_of(response)
    assert status.code == code
    assert message in status.message
    assert "retry-after" not in response.headers
    assert not status.details
    assert response.headers.get("allow") == ("POST" if http_status == 405 else None)
    assert bus.sent == []


@pytest.mark.parametrize(
    "failure", [BusFull("cannot write: full"), BusUnavailable("cannot write: away")]
)
@pytest.mark.parametrize("kind", [PB, JS], ids=["protobuf", "json"])
async def test_a_bus_that_cannot_write_means_try_again(
    http: httpx.AsyncClient,
    bus: FakeBus,
    collector: Collector,
    failure: Exception,
    kind: dict[str, str],
) -> None:
    body = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}'
    content = body if kind is JS else b"\x0a\x04\x12\x02\x12\x00"
    bus.failures = [failure]
    response = await http.post("/v1/traces", content=content, headers=kind)
    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"
    assert status_of(response).message == str(failure)
    if kind is PB:
        (detail,) = status_of(response).details
        retry = error_details_pb2.RetryInfo()
        assert detail.Unpack(retry)
        assert retry.retry_delay.seconds == 5
    else:
        assert response.json()["details"][0]["retryDelay"] == "5s"
    stats = collector.stats().signals[Signal.TRACES]
    assert stats.refused == {"unavailable": 1}
    assert stats.records == 0
    assert (await http.post("/v1/traces", content=content, headers=kind)).status_code == 200


async def test_an_error_that_nobody_expected_is_answered_and_the_process_lives(
    http: httpx.AsyncClient, bus: FakeBus, spans: Callable[..., bytes]
) -> None:
    bus.failures = [ZeroDivisionError("secret")]
    response = await http.post("/v1/traces", content=spans(1), headers=PB)
    assert response.status_code == 500
    assert "secret" not in status_of(response).message
    assert (await http.post("/v1/traces", content=spans(1), headers=PB)).status_code == 200


async def test_partial_success_tells_what_was_rejected_and_why(
    http: httpx.AsyncClient, bus: FakeBus, spans: Callable[..., bytes]
) -> None:
    bus.max_message_bytes = 3000
    body = spans(1) + spans(1, 5000) + spans(1)
    response = await http.post("/v1/traces", content=body, headers=PB)
    partial = schema(Signal.TRACES).response.FromString(response.content).partial_success
    assert response.status_code == 200
    assert partial.rejected_spans == 1
    assert "larger than" in partial.error_message
    assert sum(int(record.header("sightline-records") or 0) for record in bus.sent) == 2


async def test_invalid_utf8_is_repaired_and_the_sender_is_told(
    http: httpx.AsyncClient, bus: FakeBus, spans: Callable[..., bytes]
) -> None:
    body = spans(2).replace(b"span 1", b"span\xff1")
    response = await http.post("/v1/traces", content=body, headers=PB)
    partial = schema(Signal.TRACES).response.FromString(response.content).partial_success
    assert (response.status_code, partial.rejected_spans) == (200, 0)
    assert "UTF-8" in partial.error_message
    stored = schema(Signal.TRACES).request.FromString(bus.sent[0].value)
    names = [span.name for span in stored.resource_spans[0].scope_spans[0].spans]
    assert names == ["span 0", "span\ufffd1"]


async def test_a_request_over_the_bus_limit_is_split_by_records(
    http: httpx.AsyncClient, bus: FakeBus, spans: Callable[..., bytes]
) -> None:
    bus.max_message_bytes = 10_000
    response = await http.post("/v1/traces", content=spans(500, 100), headers=PB)
    assert (response.status_code, response.content) == (200, b"")
    assert len(bus.sent) > 5
    assert all(len(record.value) <= 10_000 - 1024 for record in bus.sent)
    assert sum(int(record.header("sightline-records") or 0) for record in bus.sent) == 500
    seqs = [int(record.header("sightline-seq") or 0) for record in bus.sent]
    assert sorted(seqs) == list(range(1, len(seqs) + 1))


class TestSizeLimit:
    """max_request_bytes holds on the wire and while decompressing."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"max_request_bytes": 100_000})

    @pytest.mark.parametrize("codec", ["identity", "gzip", "deflate", "zstd"])
    @pytest.mark.parametrize("over", [0, 1])
    async def test_exactly_the_limit_passes_and_a_byte_more_does_not(
        self, http: httpx.AsyncClient, spans: Callable[..., bytes], codec: str, over: int
    ) -> None:
        body = spans(1, 99_000)
        body = spans(1, 99_000 + 100_000 + over - len(body))
        assert len(body) == 100_000 + over
        headers = PB | {"content-encoding": codec}
        response = await http.post("/v1/traces", content=CODECS[codec](body), headers=headers)
        assert response.status_code == (413 if over else 200)
        if over:
            status = status_of(response)
            assert status.code == 8
            assert "larger than 100000 bytes" in status.message
            assert not status.details
            assert "retry-after" not in response.headers

    async def test_chunked_bodies_are_limited_too(self, http: httpx.AsyncClient) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(50):
                yield b"\0" * 10_000

        response = await http.post("/v1/traces", content=chunks(), headers=PB)
        assert response.status_code == 413

    @pytest.mark.parametrize("codec", ["gzip", "zstd"])
    async def test_a_bomb_in_a_later_member_does_not_pass(
        self, http: httpx.AsyncClient, codec: str
    ) -> None:
        body = CODECS[codec](b"\0") + CODECS[codec](b"\0" * 200_000)
        headers = PB | {"content-encoding": codec}
        assert (await http.post("/v1/traces", content=body, headers=headers)).status_code == 413


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
async def test_members_one_after_the_other_are_one_body(
    http: httpx.AsyncClient, bus: FakeBus, spans: Callable[..., bytes], codec: str
) -> None:
    body = spans(20, 1000)
    packed = b"".join(CODECS[codec](body[at : at + 700]) for at in range(0, len(body), 700))
    headers = PB | {"content-encoding": codec}
    assert (await http.post("/v1/traces", content=packed, headers=headers)).status_code == 200
    assert bus.sent[0].value == body


@pytest.mark.parametrize("codec", ["gzip", "deflate", "zstd"])
@pytest.mark.parametrize("keep", [0.1, 0.5, 0.99])
async def test_a_truncated_body_is_refused(
    http: httpx.AsyncClient, bus: FakeBus, spans: Callable[..., bytes], codec: str, keep: float
) -> None:
    packed = CODECS[codec](spans(50, 100))
    headers = PB | {"content-encoding": codec}
    cut = packed[: int(len(packed) * keep)]
    response = await http.post("/v1/traces", content=cut, headers=headers)
    assert response.status_code == 400
    assert "ends before" in status_of(response).message
    assert bus.sent == []


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
async def test_thousands_of_empty_members_are_refused(http: httpx.AsyncClient, codec: str) -> None:
    headers = PB | {"content-encoding": codec}
    response = await http.post("/v1/traces", content=CODECS[codec](b"") * 5000, headers=headers)
    assert response.status_code == 400
    assert "more than 1024" in status_of(response).message


async def test_deflate_without_its_header_is_understood(
    http: httpx.AsyncClient, bus: FakeBus, spans: Callable[..., bytes]
) -> None:
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(spans(5)) + packer.flush()
    headers = PB | {"content-encoding": "deflate"}
    assert (await http.post("/v1/traces", content=packed, headers=headers)).status_code == 200
    assert bus.sent[0].value == spans(5)


async def test_chunked_bodies_without_a_length_are_read(
    http: httpx.AsyncClient, bus: FakeBus, spans: Callable[..., bytes]
) -> None:
    body = spans(100, 1000)

    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 777):
            yield body[at : at + 777]

    assert (await http.post("/v1/traces", content=chunks(), headers=PB)).status_code == 200
    assert bus.sent[0].value == body


async def test_concurrent_requests_all_arrive(
    http: httpx.AsyncClient, bus: FakeBus, collector: Collector, spans: Callable[..., bytes]
) -> None:
    bodies = [spans(number % 7 + 1, number) for number in range(100)]
    answers = await asyncio.gather(
        *(http.post("/v1/traces", content=body, headers=PB) for body in bodies)
    )
    assert {answer.status_code for answer in answers} == {200}
    assert sorted(record.value for record in bus.sent) == sorted(bodies)
    stats = collector.stats()
    assert stats.signals[Signal.TRACES].requests == 100
    assert stats.signals[Signal.TRACES].records == sum(number % 7 + 1 for number in range(100))
    assert stats.signals[Signal.TRACES].bytes == sum(map(len, bodies))
    assert stats.inflight_bytes == 0


async def test_health(http: httpx.AsyncClient) -> None:
    assert (await http.get("/healthz")).status_code == 200
    assert (await http.get("/readyz")).json() == {"status": "ready"}
