"""Ports, numbering, back-pressure, and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

import grpc.aio
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline_collector.collector import Collector
from sightline_collector.http import application
from sightline_collector.intake import Intake
from sightline_collector.refusal import Refusal
from sightline_core.errors import BusFull, BusUnavailable, ConfigError
from sightline_core.settings import Settings, load_settings
from sightline_core.wire.names import Signal
from sightline_core.wire.schema import count, schema
from sightline_core.wire.split import MAX_RECORDS, _entry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.collector.conftest import FakeBus

    from sightline_core.bus.protocol import Record

PB = {"content-type": "application/x-protobuf"}
SPAN = b"\x0a\x04\x12\x02\x12\x00"


async def test_the_topics_exist_before_anything_arrives(collector: Collector, bus: FakeBus) -> None:
    assert bus.topics == {"otlp_spans": 1, "otlp_logs": 1, "otlp_metrics": 1}
    assert collector.ready


@pytest.mark.parametrize("protocol", ["grpc", "http"])
async def test_a_port_in_use_is_one_line_that_names_port_and_setting(
    bus: FakeBus, settings: Settings, protocol: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        blocked = settings.model_copy(update={f"otlp_{protocol}_port": port})
        collector = Collector(bus, blocked)  # type: ignore[arg-type]
        with pytest.raises(ConfigError) as caught:
            await collector.start()
    message = str(caught.value)
    assert message.startswith(f"cannot listen on 127.0.0.1:{port} for OTLP/")
    assert "in use" in message
    assert f"SIGHTLINE_OTLP_{protocol.upper()}_PORT" in message
    assert "\n" not in message
    await collector.stop()


async def test_two_collectors_cannot_share_ports(
    collector: Collector, bus: FakeBus, settings: Settings
) -> None:
    for name in ("grpc", "http"):
        port = getattr(collector, f"{name}_port")
        second = Collector(bus, settings.model_copy(update={f"otlp_{name}_port": port}))  # type: ignore[arg-type]
        with pytest.raises(ConfigError):
            await second.start()


async def test_stopping_finishes_what_is_in_flight_and_frees_the_ports(
    collector: Collector, http: httpx.AsyncClient, bus: FakeBus, settings: Settings
) -> None:
    bus.open.clear()
    over_http = asyncio.create_task(http.post("/v1/traces", content=SPAN, headers=PB))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{collector.grpc_port}") as channel:
        service = "opentelemetry.proto.collector.logs.v1.LogsService"
        over_grpc = asyncio.create_task(_call(channel, f"/{service}/Export"))
        await bus.arrived.wait()
        bus.arrived.clear()
        await bus.arrived.wait()
        stopping = asyncio.create_task(collector.stop())
        bus.open.set()
        assert (await over_http).status_code == 200
        assert await over_grpc == b""
        await stopping
    assert len(_told(bus)) == 2
    assert not collector.ready
    await collector.stop()
    again = settings.model_copy(
        update={"otlp_grpc_port": collector.grpc_port, "otlp_http_port": collector.http_port}
    )
    second = Collector(bus, again)  # type: ignore[arg-type]
    await second.start()
    await second.stop()


async def test_wait_raises_when_serving_http_ends_by_an_error(collector: Collector) -> None:
    waiting = asyncio.create_task(collector.wait())

    async def fail(counter: int) -> bool:
        raise OSError(f"tick {counter}")

    assert collector._http is not None
    collector._http._server.on_tick = fail  # type: ignore[method-assign]
    with pytest.raises(OSError, match="tick"):
        await asyncio.wait_for(waiting, 10)
    assert not collector.ready


async def test_who_gives_up_waiting_stops_nothing(
    collector: Collector, http: httpx.AsyncClient
) -> None:
    waiting = asyncio.create_task(collector.wait())
    await http.get("/healthz")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (await http.post("/v1/traces", content=SPAN, headers=PB)).status_code == 200
    again = asyncio.create_task(collector.wait())
    await collector.stop()
    await asyncio.wait_for(again, 10)


async def _abandon(collector: Collector, bus: FakeBus) -> None:
    """Go away with a write under way."""
    caller = asyncio.create_task(collector._intake.export(Signal.TRACES, SPAN))
    await bus.arrived.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller


async def test_stopping_finishes_writes_whose_callers_went_away(
    collector: Collector, bus: FakeBus
) -> None:
    bus.open.clear()
    await _abandon(collector, bus)

    async def open_late() -> None:
        await collector.wait()
        for _ in range(10):  # both ports are closed; without waiting for the write, stop ends now
            await asyncio.sleep(0)
        bus.open.set()

    late = asyncio.create_task(open_late())
    await collector.stop()
    assert len(_told(bus)) == 1
    assert collector.stats().inflight_bytes == 0
    await late


async def test_stopping_does_not_wait_for_ever_and_says_what_is_open(
    collector: Collector,
    bus: FakeBus,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("sightline_collector.collector.ABANDONED_SECONDS", 0.05)
    bus.open.clear()
    await _abandon(collector, bus)
    await asyncio.wait_for(collector.stop(), 10)
    assert "cannot finish 1 bus writes" in caplog.text
    bus.open.set()
    await asyncio.wait(collector._intake._sending, timeout=10)


async def _call(channel: grpc.aio.Channel, method: str) -> bytes:
    answer: bytes = await channel.unary_unary(method)(SPAN)
    return answer


class TestBackPressure:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"max_inflight_bytes": 1 << 20})

    async def test_too_many_bytes_in_flight_mean_try_again(
        self,
        http: httpx.AsyncClient,
        bus: FakeBus,
        collector: Collector,
        spans: Callable[..., bytes],
    ) -> None:
        body = spans(1, 600_000)
        bus.open.clear()
        first = asyncio.create_task(http.post("/v1/traces", content=body, headers=PB))
        await bus.arrived.wait()
        refused = await http.post("/v1/traces", content=body, headers=PB)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        small = asyncio.create_task(http.post("/v1/traces", content=SPAN, headers=PB))
        bus.open.set()
        assert (await first).status_code == 200
        assert (await small).status_code == 200
        assert (await http.post("/v1/traces", content=body, headers=PB)).status_code == 200
        assert collector.stats().inflight_bytes == 0


async def test_a_body_that_never_ends_is_given_up(bus: FakeBus, settings: Settings) -> None:
    intake = Intake(bus, settings, origin="o")  # type: ignore[arg-type]
    app = application(intake, ready=lambda: True, body_seconds=0.05)
    never = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"\x0a"
        await never.wait()

    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        response = await client.post("/v1/traces", content=slowly(), headers=PB)
    assert response.status_code == 408
    assert intake.stats.inflight_bytes == 0
    assert intake.stats.signals[Signal.TRACES].refused == {"timeout": 1}


async def test_a_client_that_goes_away_leaves_nothing_behind(
    collector: Collector, http: httpx.AsyncClient, bus: FakeBus
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", collector.http_port)
    head = "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
    writer.write(f"{head}Content-Length: 1000\r\n\r\n".encode() + b"\x0a" * 500)
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    stats = collector.stats()
    async with asyncio.timeout(10):
        while not stats.signals[Signal.TRACES].refused:
            await http.get("/healthz")
    assert stats.signals[Signal.TRACES].refused == {"disconnected": 1}
    assert stats.inflight_bytes == 0
    assert bus.sent == []


@pytest.mark.parametrize("failure", [None, BusFull("full")])
async def test_a_caller_that_is_cancelled_loses_no_number_and_no_count(
    bus: FakeBus, settings: Settings, failure: Exception | None
) -> None:
    intake = Intake(bus, settings, origin="o")  # type: ignore[arg-type]
    bus.open.clear()
    caller = asyncio.create_task(intake.export(Signal.TRACES, SPAN))
    await bus.arrived.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert intake.stats.inflight_bytes == len(SPAN)
    bus.failures = [failure] if failure else []
    bus.open.set()
    await asyncio.wait(intake._sending, timeout=10)
    assert intake.stats.inflight_bytes == 0
    written = 0 if failure else 1
    assert intake.stats.signals[Signal.TRACES].messages == len(bus.sent) == written
    await intake.export(Signal.TRACES, SPAN)
    seqs = [int(record.header("sightline-seq") or 0) for record in bus.sent]
    assert seqs == list(range(1, written + 2))


async def test_a_flood_of_empty_spans_is_many_messages_each_with_its_count(
    bus: FakeBus, settings: Settings
) -> None:
    intake = Intake(bus, settings, origin="o")  # type: ignore[arg-type]
    await intake.export(Signal.TRACES, _entry(1, _entry(2, b"\x12\x00" * 400_001)))
    request = schema(Signal.TRACES).request
    held = [count(Signal.TRACES, request.FromString(record.value)) for record in bus.sent]
    assert held == [int(record.header("sightline-records") or 0) for record in bus.sent]
    assert len(held) >= 8
    assert max(held) <= MAX_RECORDS
    assert sum(held) == 400_001 == intake.stats.signals[Signal.TRACES].records


@given(st.lists(st.sampled_from(["ok", "full", "away"]), max_size=30))
def test_numbers_have_no_gaps_but_where_a_write_is_in_doubt(outcomes: list[str]) -> None:
    asyncio.run(_numbers(outcomes))


async def _numbers(outcomes: list[str]) -> None:
    from tests.collector.conftest import FakeBus as Made  # noqa: PLC0415 - pytest made it importable

    failures: dict[str, list[Exception]] = {
        "ok": [],
        "full": [BusFull("full")],
        "away": [BusUnavailable("away")],
    }
    bus = Made()
    intake = Intake(bus, load_settings(), origin="o")  # type: ignore[arg-type]
    for outcome in outcomes:
        bus.failures = list(failures[outcome])
        with contextlib.suppress(Refusal):
            await intake.export(Signal.TRACES, SPAN)
    seqs = [int(record.header("sightline-seq") or 0) for record in bus.sent]
    assert len(set(seqs)) == len(seqs)
    assert len(seqs) == outcomes.count("ok")
    missing = set(range(1, max(seqs, default=0) + 1)) - set(seqs)
    assert len(missing) <= outcomes.count("away")


def _told(bus: FakeBus) -> list[Record]:
    """Return what others sent: all but the collector's reports about itself."""
    return [record for record in bus.sent if b"sightline-collector" not in record.value]
