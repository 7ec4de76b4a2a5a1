"""Dead letters over the API: found, understood, tried, sent again or discarded, on the record."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from sightline_core.bus.protocol import Message, Record, TopicPartition
from sightline_core.errors import PoisonBatch
from sightline_pipeline.dead_letter_desk import keep_dead_letters
from sightline_pipeline.dead_letters import dead_letter
from sightline_query_api.app import create_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from conftest import Telemetry

    from sightline_core.bus.protocol import Bus
    from sightline_core.settings import Settings
    from sightline_core.store.client import Store

SECRET = "hunter2-and-more"
_names = itertools.count(1)


@dataclass
class Desk:
    """The API with a worker behind it, and an application's topics of this test."""

    client: httpx.AsyncClient
    bus: Bus
    name: str

    async def bury(self, *values: bytes, error: str = "no price for 17", **headers: str) -> None:
        """Dead-letter messages of the application and wait until they are indexed."""
        for value in values:
            given = [(name.replace("_", "-"), text.encode()) for name, text in headers.items()]
            about = ("kafka_dlt-exception-message", error.encode())
            message = Message(value, b"key", (*given, about))
            await self.bus.send(f"{self.name}.dlq", message)
        lags = await self.bus.lag("nobody", f"{self.name}.dlq")
        end = sum(lag.end for lag in lags)
        await self.until(
            "/dead-letters", lambda found: len(found["items"]) == end, topic=self.name, limit=1000
        )

    async def get(self, path: str, expect: int = 200, **parameters: Any) -> Any:
        answer = await self.client.get(f"/api/v1{path}", params=parameters)
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def post(
        self, path: str, body: Any, expect: int = 202, headers: dict[str, str] | None = None
    ) -> Any:
        answer = await self.client.post(f"/api/v1{path}", json=body, headers=headers)
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def until(self, path: str, condition: Any, **parameters: Any) -> Any:
        async with asyncio.timeout(30):
            while not condition(found := await self.get(path, **parameters)):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return found

    async def letters(self, **parameters: Any) -> list[Any]:
        found = await self.get("/dead-letters", topic=self.name, **parameters)
        return found["items"]  # type: ignore[no-any-return]

    async def done(self, redrive: Any) -> Any:
        return await self.until(
            f"/redrives/{redrive['id']}", lambda found: found["state"] not in ("waiting", "running")
        )

    async def received(self) -> list[Record]:
        lags = await self.bus.lag("nobody", self.name)
        return [
            record
            for lag in lags
            for record in await self.bus.read(TopicPartition(self.name, 0), 0, lag.end - 1)
        ]


@pytest.fixture
async def desk(store: Store, bus: Bus, settings: Settings, tmp_path: Path) -> AsyncIterator[Desk]:
    name = f"orders-{next(_names)}"
    chosen = settings.model_copy(update={"dead_letter_topics": {f"{name}.dlq": name}})
    app = create_app(store, bus, chosen, static=tmp_path / "no-web-app")
    worker = asyncio.create_task(keep_dead_letters(bus, store, chosen))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://sightline") as client:
        yield Desk(client, bus, name)
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)


def order(number: int, **members: Any) -> bytes:
    return json.dumps({"number": number, "price": None} | members).encode()


async def test_letters_are_grouped_by_error(desk: Desk) -> None:
    await desk.bury(order(1), order(2), error="no price for article 17")
    await desk.bury(order(3), error="cannot reach the till at 10.0.0.7:8080")
    groups = (await desk.get("/dead-letters/groups", topic=desk.name))["items"]
    assert [(one["pattern"], one["letters"], one["dead"]) for one in groups] == [
        ("cannot reach the till at <address>", 1, 1),
        ("no price for article <n>", 2, 2),
    ]
    assert groups[1]["per_minute"] == 0.2
    assert 0 <= groups[1]["oldest_age_seconds"] < 60
    inside = await desk.letters(fingerprint=groups[1]["fingerprint"])
    assert len(inside) == 2
    assert (await desk.letters(q="TILL"))[0]["pattern"] == "cannot reach the till at <address>"


async def test_pages_hold_every_letter_once(desk: Desk) -> None:
    await desk.bury(*(order(number) for number in range(25)))
    for path in ("/dead-letters", "/dead-letters/groups"):
        found: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            page = await desk.get(path, topic=desk.name, limit=7, cursor=cursor)
            found += [one.get("id") or one["fingerprint"] for one in page["items"]]
            cursor = page["next_cursor"]
        assert len(found) == len(set(found)) == (25 if path == "/dead-letters" else 1)


async def test_secrets_are_masked_until_somebody_asks(desk: Desk) -> None:
    await desk.bury(
        order(1, password=SECRET, note=f"Bearer {SECRET}", card="4111 1111 1111 1111"),
        authorization=SECRET,
        error=f"login failed: password={SECRET}",
    )
    (letter,) = await desk.letters()
    groups = await desk.get("/dead-letters/groups", topic=desk.name)
    masked = await desk.get(f"/dead-letters/{letter['id']}")
    for answer in (letter, groups, masked):
        assert SECRET not in json.dumps(answer)
        assert "4111" not in json.dumps(answer)
    assert masked["raw"] is None
    shown = await desk.get(f"/dead-letters/{letter['id']}", reveal="true")
    assert shown["value"]["tree"]["password"] == SECRET
    assert bytes.fromhex(shown["raw"]["hex"]).startswith(b'{"number": 1')
    assert {"name": "authorization", "value": SECRET, "binary": False} in shown["headers"]


async def test_damaged_telemetry_is_shown_up_to_where_it_breaks(
    desk: Desk, telemetry: Telemetry
) -> None:
    telemetry.span("checkout", "POST /order", attributes={"correlation.id": "o-1", "token": SECRET})
    whole = telemetry.spans.SerializeToString()
    telemetry.spans.Clear()
    at = Record("otlp_spans", 0, 5, time.time_ns() // 1_000_000, whole + b"\x0a\x7f\x0a", None, ())
    await dead_letter(desk.bus, at, PoisonBatch("broken", code=32), attempts=1)
    found = await desk.until(
        "/dead-letters",
        lambda page: page["items"],
        topic="otlp_spans",
        start=str(at.timestamp_ms * 10**6),
    )
    letter = found["items"][0]
    assert (letter["services"], letter["preview"]) == (["checkout"], "POST /order")
    assert letter["trace_ids"] == [telemetry.trace_id(1)]
    assert letter["correlation_ids"] == ["o-1"]
    detail = await desk.get(f"/dead-letters/{letter['id']}")
    assert detail["value"]["breaks"][0]["reason"] == "127 bytes announced, 1 there"
    span = detail["value"]["tree"]["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    assert span["name"] == "POST /order"
    assert SECRET not in json.dumps(detail)

    for name in ("o-1", telemetry.trace_id(1)):
        journey = await desk.get(f"/correlations/{name}")
        (item,) = journey["items"]
        assert (item["kind"], item["service"], item["body"]) == (
            "dead_letter",
            "checkout",
            "broken",
        )
        assert item["attributes"]["dead_letter.id"] == letter["id"]
        assert (journey["dead_letter_count"], journey["span_count"]) == (1, 0)

    selection = {"ids": [letter["id"]]}
    plain = await desk.post("/redrives", {"selection": selection, "dry_run": True}, 200)
    assert plain["trials"][0]["problem"] == ""
    clamp = {"steps": [{"op": "clamp_time"}]}
    refused = await desk.post(
        "/redrives", {"selection": selection, "fix": clamp, "dry_run": True}, 200
    )
    assert "add the step salvage" in refused["trials"][0]["problem"]
    fix = {"steps": [{"op": "salvage"}, {"op": "drop", "attribute": "token"}, *clamp["steps"]]}
    trial = await desk.post("/redrives", {"selection": selection, "fix": fix, "dry_run": True}, 200)
    assert trial["trials"][0]["records"] == 1
    await desk.done(await desk.post("/redrives", {"selection": selection, "fix": fix}))
    end = (await desk.bus.lag("nobody", "otlp_spans"))[0].end
    (sent,) = await desk.bus.read(TopicPartition("otlp_spans", 0), end - 1, end - 1)
    request = ExportTraceServiceRequest.FromString(sent.value)
    span = request.resource_spans[0].scope_spans[0].spans[0]
    assert [one.key for one in span.attributes] == ["correlation.id"]
    assert sent.header("sightline-records") == b"1"
    arrived = int(sent.header("sightline-received-at") or 0)
    assert arrived == at.timestamp_ms * 1_000_000
    assert arrived - 86400 * 10**9 <= span.start_time_unix_nano <= arrived


async def test_a_dry_run_changes_nothing(desk: Desk) -> None:
    await desk.bury(order(1), order(2))
    body = {
        "selection": {"topic": desk.name},
        "fix": {"steps": [{"op": "set", "attribute": "price", "value": 3}]},
        "dry_run": True,
        "rate": 4,
    }
    dry = await desk.post("/redrives", body, 200)
    assert (dry["letters"], dry["topics"], dry["seconds"]) == (2, {desk.name: 2}, 0.5)
    assert [one["after"]["price"] for one in dry["trials"]] == [3, 3]
    assert await desk.received() == []
    assert {one["state"] for one in await desk.letters()} == {"dead"}


async def test_one_edited_by_hand_is_sent_with_its_headers(desk: Desk) -> None:
    await desk.bury(order(1), traceparent="x")
    (letter,) = await desk.letters()
    body = {
        "selection": {"ids": [letter["id"]]},
        "fix": {"edited": {"number": 1, "price": 5}},
        "actor": "ada",
    }
    done = await desk.done(await desk.post("/redrives", body))
    assert (done["state"], done["done"], done["actor"]) == ("done", 1, "ada")
    (sent,) = await desk.received()
    assert json.loads(sent.value) == {"number": 1, "price": 5}
    assert (sent.key, sent.header("traceparent")) == (b"key", b"x")
    detail = await desk.get(f"/dead-letters/{letter['id']}")
    assert [(one["state"], one["actor"]) for one in detail["events"]] == [("redriven", "ada")]
    listed = (await desk.get("/redrives"))["items"]
    assert listed[0]["request"]["fix"]["edited"] == {"number": 1, "price": 5}


async def test_one_request_tried_twice_is_carried_out_once(desk: Desk) -> None:
    await desk.bury(order(1))
    (letter,) = await desk.letters()
    body = {"selection": {"ids": [letter["id"]], "states": ["dead", "redriven"]}}
    key = {"Idempotency-Key": f"k-{desk.name}"}
    answers = await asyncio.gather(*(desk.post("/redrives", body, headers=key) for _ in range(5)))
    assert len({one["id"] for one in answers}) == 1
    await desk.done(answers[0])
    await desk.post("/redrives", body, headers=key)
    other = await desk.post("/redrives", {**body, "rate": 1}, 422, headers=key)
    assert "another request" in other["detail"]
    await desk.done(await desk.post("/dead-letters/discard", {**body, "reason": "over"}))
    assert len(await desk.received()) == 1


async def test_a_discard_needs_a_reason_and_is_on_the_record(desk: Desk) -> None:
    await desk.bury(order(1), order(2))
    body = {"selection": {"topic": desk.name}, "reason": " "}
    refused = await desk.post("/dead-letters/discard", body, 400)
    assert "reason" in refused["detail"]
    done = await desk.done(await desk.post("/dead-letters/discard", body | {"reason": "tests"}))
    assert (done["action"], done["done"], done["request"]["reason"]) == ("discard", 2, "tests")
    assert await desk.letters() == []
    assert {one["state"] for one in await desk.letters(state="discarded")} == {"discarded"}


async def test_a_redrive_waits_where_no_worker_is_and_can_be_found(
    store: Store, bus: Bus, settings: Settings, tmp_path: Path
) -> None:
    app = create_app(store, bus, settings, static=tmp_path)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://sightline") as client:
        alone = Desk(client, bus, "nothing")
        asked = await alone.post("/redrives", {"selection": {"topic": "nothing"}})
        assert asked["state"] == "waiting"
        assert (await alone.get(f"/redrives/{asked['id']}"))["state"] == "waiting"
        assert (await alone.get("/redrives"))["items"][0]["id"] == asked["id"]
        await alone.post(f"/redrives/{asked['id']}/cancel", {})


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"content-length": "99999999999"}, 413),
    ],
)
@pytest.mark.parametrize(
    "path", ["/redrives", "/dead-letters/discard", f"/redrives/{'0' * 32}/cancel"]
)
async def test_a_foreign_page_cannot_change_anything(
    client: httpx.AsyncClient, path: str, headers: dict[str, str], status: int
) -> None:
    body = b'{"selection": {"topic": "x"}, "reason": "x"}'
    given = {"content-type": "application/json", **headers}
    answer = await client.post(f"/api/v1{path}", content=body, headers=given)
    assert answer.status_code == status


async def test_bad_requests_are_told_what_is_wrong(desk: Desk) -> None:
    for body, words in (
        ({}, "selection"),
        ({"selection": {}}, "select something"),
        ({"selection": {"ids": ["x"]}}, "ids"),
        ({"selection": {"topic": "a"}, "rate": 0}, "rate"),
        ({"selection": {"topic": "a"}, "fix": {"edited": {}}}, "fits one letter"),
        ({"selection": {"topic": "a"}, "fix": {"steps": [{"op": "rm"}]}}, "op"),
        ({"selection": {"topic": "a"}, "other": 1}, "other"),
    ):
        assert words in (await desk.post("/redrives", body, 400))["detail"], body
    assert "cannot find" in (await desk.get(f"/dead-letters/{'0' * 32}", 404))["detail"]
    await desk.get("/dead-letters/x", 400)
    await desk.get(f"/redrives/{'0' * 32}", 404)
    await desk.get("/dead-letters", 400, cursor="x")
    await desk.get("/dead-letters", 400, start="yesterday")


async def test_hostile_letters_harm_nobody(desk: Desk) -> None:
    evil = "<img src=x onerror=alert(1)>\x1b[31m\u202e\x00';DROP TABLE x;--"
    await desk.bury(
        b"\xff\xfe" * 10, evil.encode(), b"", b"[" * 100_000, b'{"service": "\\ud800"}', b"null",
        error=evil, **{evil: evil},
    )  # fmt: skip
    for letter in await desk.letters():
        for reveal in ("true", "false"):
            await desk.get(f"/dead-letters/{letter['id']}", reveal=reveal, offset=3)
    body = {
        "selection": {"topic": desk.name},
        "fix": {"steps": [{"op": "set", "attribute": "a", "value": 1}]},
        "dry_run": True,
    }
    trials = (await desk.post("/redrives", body, 200))["trials"]
    assert len(trials) == 6
