"""Ledger, quarantine, attribute keys, dependencies, status, probes, completeness."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from sightline_core.bus.protocol import Committed, Message, TopicPartition
from sightline_core.errors import BusUnavailable
from sightline_core.wire.names import PIPELINE_GROUP, Signal
from sightline_query_api.app import create_app
from sightline_query_api.completeness import Progress, ProgressReader, Shortcomings, assess

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest
    from conftest import Get, Pages, Telemetry

    from sightline_core.bus.protocol import Bus
    from sightline_core.settings import Settings
    from sightline_core.store.client import Store

SECOND = 1_000_000_000
HOUR = 3600 * SECOND


async def test_the_ledger_balances_and_shows_what_is_missing(
    get: Get, telemetry: Telemetry
) -> None:
    telemetry.span("a", "x", id=1)
    telemetry.span("a", "y", id=2)
    telemetry.span("b", "z", id=3).span_id = b"\x00" * 8  # into quarantine
    telemetry.send()
    telemetry.span("a", "x", id=4)
    telemetry.insert(Signal.TRACES, telemetry.spans.SerializeToString(), records=3)  # two are gone
    items = (await get("/ledger", **telemetry.range))["items"]
    rows = {row["service"]: row for row in items if row["signal"] == "traces"}
    assert (rows["a"]["created"], rows["a"]["stored"], rows["a"]["unexplained"]) == (5, 3, 2)
    assert (rows["b"]["created"], rows["b"]["quarantined"], rows["b"]["unexplained"]) == (1, 1, 0)
    for row in items:
        assert row["created"] == sum(
            row[name]
            for name in (
                "stored", "sampled_out", "dropped", "quarantined", "dead_lettered", "in_flight",
                "unexplained",
            )
        )  # fmt: skip


async def test_a_gap_in_the_messages_of_an_origin_is_missing(
    get: Get, telemetry: Telemetry
) -> None:
    telemetry.span("gap", "x")
    telemetry.send()
    telemetry.log("gap", "takes the number between")
    telemetry.send()
    telemetry.span("gap", "y")
    telemetry.send()
    items = (await get("/ledger", **telemetry.range))["items"]
    (row,) = [row for row in items if (row["signal"], row["service"]) == ("traces", "")]
    assert row["missing_messages"] == 1


async def test_messages_on_the_bus_are_in_flight(get: Get, bus: Bus) -> None:

    async def row() -> Mapping[str, int]:
        items = (await get("/ledger"))["items"]
        rows = [row for row in items if (row["signal"], row["service"]) == ("traces", "")]
        return rows[0] if rows else {"in_flight": 0, "created": 0}

    before = await row()  # the store is shared with other tests
    for _ in range(3):
        await bus.send("otlp_spans", Message(b"x"))
    await bus.send("otlp_spans.dlq", Message(b"x"))
    after = await row()
    assert [after[name] - before[name] for name in ("in_flight", "created")] == [3, 3]
    answer = await get("/ledger")
    assert answer["completeness"]["dead_letters"] >= 1  # of which nobody knows more yet


async def test_quarantined_records_are_listed_with_their_reason(
    get: Get, pages: Pages, telemetry: Telemetry
) -> None:
    for number in range(5):
        telemetry.span("q", f"bad {number}", id=number + 1).span_id = b"short"
    telemetry.log("q", "future", at=9 * HOUR)
    telemetry.send()
    answer = await get("/quarantine", **telemetry.range)
    assert len(answer["items"]) == 6
    assert {item["reason"] for item in answer["items"]} == {
        "span_id_invalid", "timestamp_in_future",
    }  # fmt: skip
    found = await pages("/quarantine", **telemetry.range, limit=2)
    assert found == answer["items"]
    only = await get("/quarantine", **telemetry.range, signal="logs", service="q")
    assert [item["name"] for item in only["items"]] == ["future"]
    spans = await get("/traces", **telemetry.range)
    assert spans["completeness"]["quarantined"] == 5
    assert "quarantine" in spans["completeness"]["reasons"][0]


async def test_attribute_keys_are_completed_by_prefix(get: Get, telemetry: Telemetry) -> None:
    telemetry.span("keys", "x", attributes={"zz.one": 1, "zz.two": "x", "yy": True})
    telemetry.send()
    answer = await get("/attributes", **telemetry.range, prefix="zz.", service="keys")
    assert [(item["key"], item["types"]) for item in answer["items"]] == [
        ("zz.one", "i"), ("zz.two", "s"),
    ]  # fmt: skip
    scoped = await get("/attributes", **telemetry.range, prefix="host", service="keys")
    assert [(item["key"], item["scope"]) for item in scoped["items"]] == [("host.name", "resource")]
    assert not (await get("/attributes", **telemetry.range, signal="logs", prefix="zz."))["items"]


async def test_dependencies_are_read_from_the_edges(
    get: Get, telemetry: Telemetry, store: Store
) -> None:
    minute = telemetry.start // SECOND
    store.command(
        "INSERT INTO sightline_edges_1m "
        f"SELECT toDateTime({minute}), 'web', 'pay', 'http', 10, 2, "
        "quantilesDDState(0.01, 0.5, 0.95, 0.99)(toUInt64(1000000)), now64(3)"
    )
    (edge,) = (await get("/dependencies", **telemetry.range))["items"]
    assert (edge["caller"], edge["callee"], edge["kind"]) == ("web", "pay", "http")
    assert (edge["requests"], edge["errors"], edge["error_rate"]) == (10, 2, 0.2)
    assert abs(edge["p95_ns"] - 1_000_000) <= 20_000


async def test_status_says_versions_progress_and_sizes(get: Get, telemetry: Telemetry) -> None:
    telemetry.span("s", "x")
    telemetry.send()
    status = await get("/status")
    assert (status["mode"], status["ready"], status["waiting_for"]) == ("embedded", True, [])
    assert status["store"]["rows"]["otel_traces"] >= 1
    assert status["store"]["bytes_on_disk"] > 0
    assert {row["signal"] for row in status["signals"]} == {"traces", "logs", "metrics"}


async def test_ready_follows_what_it_is_told(store: Store, bus: Bus, settings: Settings) -> None:
    waiting = ["the pipeline is starting"]
    app = create_app(store, bus, settings, ready=lambda: waiting)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://sightline"
    ) as client:
        response = await client.get("/readyz")
        assert (response.status_code, response.json()["reasons"]) == (503, waiting)
        assert (await client.get("/healthz")).status_code == 200
        waiting.clear()
        assert (await client.get("/readyz")).status_code == 200


async def test_an_answer_is_late_until_the_pipeline_has_what_arrived(
    get: Get, app: object, bus: Bus
) -> None:
    await bus.send("otlp_spans", Message(ExportTraceServiceRequest().SerializeToString()))
    clock = time.time_ns
    ahead = ProgressReader(bus, clock=lambda: clock() + 20 * SECOND, seconds=0)
    progress = await ahead.of(Signal.TRACES)
    answer = assess(progress, end=progress.now)
    assert (answer.verdict, answer.in_flight_messages) == ("late", 1)
    assert 19 < answer.lag_seconds < 40
    assert answer.watermark
    before = assess(progress, end=progress.now - HOUR)
    assert before.verdict == "complete"
    consumer = bus.consumer(PIPELINE_GROUP, ["otlp_spans"])
    while not await consumer.poll(timeout=0.1):
        pass
    await consumer.commit({TopicPartition("otlp_spans", 0): Committed(1)})
    await consumer.close()
    done = assess(await ahead.of(Signal.TRACES), end=progress.now)
    assert (done.verdict, done.lag_seconds) == ("complete", 0.0)


async def test_without_the_bus_completeness_is_unknown_and_the_answer_is_there(
    get: Get, telemetry: Telemetry, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise BusUnavailable("cannot read")

    monkeypatch.setattr(bus, "lag", fail)
    answer = await get("/traces", **telemetry.range)
    assert answer["completeness"]["verdict"] == "unknown"
    assert answer["completeness"]["watermark"] is None


def test_the_worst_verdict_wins_and_all_reasons_are_named() -> None:
    progress = Progress(watermark=10 * SECOND, now=60 * SECOND, in_flight_messages=2)
    lacks = Shortcomings(truncated="cut", orphans=3, quarantined=1, sampled=True)
    answer = assess(progress, end=60 * SECOND, lacks=lacks)
    assert answer.verdict == "sampled"
    assert len(answer.reasons) == 5
    assert answer.lag_seconds == 50
