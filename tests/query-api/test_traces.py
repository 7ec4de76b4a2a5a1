from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from sightline_query_api.span import Span
from sightline_query_api.trace import Trace

if TYPE_CHECKING:
    import httpx
    import pytest
    from conftest import Get, Pages, Telemetry

MS = 1_000_000
SECOND = 1000 * MS


async def test_a_trace_has_its_spans_in_order_with_typed_attributes(
    get: Get, telemetry: Telemetry
) -> None:
    telemetry.span("web", "GET /", id=1, at=0, duration=50 * MS, attributes={"http.route": "/"})
    telemetry.span(
        "db", "SELECT", id=2, parent=1, at=5 * MS, kind=3, error=True,
        attributes={"n": 3, "big": 2**60, "ok": True, "x": 1.5, "list": [1, "a"], "raw": b"\x00"},
    )  # fmt: skip
    telemetry.log("web", "hi", trace=1, attributes={"correlation.id": f"c-{telemetry.start}"})
    telemetry.send()
    trace = await get(f"/traces/{telemetry.trace_id(1)}")
    assert [span["name"] for span in trace["spans"]] == ["GET /", "SELECT"]
    assert trace["spans"][1]["attributes"] == {
        "n": 3, "big": str(2**60), "ok": True, "x": 1.5, "list": [1, "a"], "raw": "AA==",
    }  # fmt: skip
    assert trace["spans"][0]["parent_span_id"] == ""
    assert (trace["span_count"], trace["error_count"], trace["log_count"]) == (2, 1, 1)
    assert trace["duration_ns"] == 50 * MS
    assert trace["start_unix_nano"] == str(telemetry.start)
    assert trace["correlation_ids"] == [f"c-{telemetry.start}"]
    assert trace["services"] == [
        {"service": "db", "spans": 1, "errors": 1},
        {"service": "web", "spans": 1, "errors": 0},
    ]
    assert (trace["details"], trace["completeness"]["verdict"]) == ("full", "complete")
    assert Trace.model_validate(trace).model_dump(mode="json") == trace


async def test_a_skeleton_is_the_same_without_attributes(get: Get, telemetry: Telemetry) -> None:
    strange = 'a "quoted" / \\ \n name é \u2028'
    telemetry.span("web", strange, id=1, attributes={"a": "b"})
    telemetry.span("web", "child", id=2, parent=1, at=1).events.add(name="exception")
    telemetry.send()
    path = f"/traces/{telemetry.trace_id(1)}"
    full, skeleton = await get(path, details="full"), await get(path, details="skeleton")
    assert skeleton["details"] == "skeleton"
    assert skeleton["spans"][0]["name"] == strange
    assert [span["has_exception"] for span in skeleton["spans"]] == [False, True]
    for span in full["spans"]:
        del span["attributes"]
    assert skeleton["spans"] == full["spans"]
    assert Trace.model_validate(skeleton).model_dump(mode="json", exclude_unset=True) == skeleton


async def test_missing_parents_are_counted(get: Get, telemetry: Telemetry) -> None:
    telemetry.span("web", "a", id=2, parent=1)
    telemetry.span("web", "b", id=3, parent=2)
    telemetry.send()
    trace = await get(f"/traces/{telemetry.trace_id(1).upper()}")
    assert trace["completeness"]["orphans"] == 1
    assert trace["completeness"]["verdict"] == "orphans"
    (row,) = (await get("/traces", **telemetry.range))["items"]
    assert (row["root_missing"], row["name"]) == (True, "a")


async def test_a_span_has_everything_that_was_sent(get: Get, telemetry: Telemetry) -> None:
    sent = telemetry.span("web", "GET /", id=7, parent=3, duration=MS, error=True)
    sent.trace_state, sent.flags, sent.status.message = "a=b", 0x101, "went wrong"
    sent.dropped_attributes_count, sent.dropped_events_count, sent.dropped_links_count = 1, 2, 3
    event = sent.events.add(name="exception", time_unix_nano=telemetry.start + 5)
    event.attributes.add(key="exception.type").value.string_value = "ValueError"
    link = sent.links.add(trace_id=b"\x01" * 16, span_id=b"\x02" * 8, trace_state="c=d", flags=1)
    link.attributes.add(key="n").value.int_value = 4
    telemetry.send()
    path = f"/traces/{telemetry.trace_id(1)}/spans/{7:016x}"
    span = await get(path)
    assert span["events"] == [
        {
            "time_unix_nano": str(telemetry.start + 5),
            "name": "exception",
            "attributes": {"exception.type": "ValueError"},
            "dropped_attributes_count": 0,
        }
    ]
    assert span["links"] == [
        {
            "trace_id": "01" * 16,
            "span_id": "02" * 8,
            "trace_state": "c=d",
            "attributes": {"n": 4},
            "flags": 1,
            "dropped_attributes_count": 0,
        }
    ]
    assert span["resource"]["attributes"] == {"service.name": "web", "host.name": "h-1"}
    assert (span["status"], span["status_message"], span["trace_state"]) == (
        "error", "went wrong", "a=b",
    )  # fmt: skip
    assert [span[f"dropped_{what}_count"] for what in ("attributes", "events", "links")] == [
        1,
        2,
        3,
    ]
    assert span["flags"] == 0x101
    assert span["end_unix_nano"] == str(telemetry.start + MS)
    assert Span.model_validate(span).model_dump(mode="json") == span
    await get(f"/traces/{telemetry.trace_id(1)}/spans/{8:016x}", 404)


async def test_search_filters_by_what_a_span_is(get: Get, telemetry: Telemetry) -> None:
    telemetry.span("web", "GET /", trace=1, at=1, duration=5 * MS)
    telemetry.span("web", "GET /cart", trace=2, at=2, duration=50 * MS, error=True)
    telemetry.span("db", "SELECT", trace=2, at=3, id=2, parent=1, attributes={"db.rows": 12})
    telemetry.send()

    async def found(**parameters: str | int) -> list[str]:
        answer = await get("/traces", **telemetry.range, **parameters)
        return [item["trace_id"] for item in answer["items"]]

    one, two = telemetry.trace_id(1), telemetry.trace_id(2)
    assert await found() == [two, one]
    assert await found(service="db") == [two]
    assert await found(operation="GET /") == [one]
    assert await found(status="error") == [two]
    assert await found(status="ok") == [one]
    assert await found(min_duration_ns=10 * MS) == [two]
    assert await found(max_duration_ns=10 * MS, service="web") == [one]
    assert await found(q="name:GET*") == [two, one]
    assert await found(q="db.rows>=12") == [two]
    assert await found(q="duration>10ms service:web") == [two]
    assert await found(q="cart") == [two]
    (row,) = (await get("/traces", **telemetry.range, service="db"))["items"]
    assert (row["service"], row["name"], row["span_count"]) == ("web", "GET /cart", 2)
    assert (row["duration_ns"], row["error_count"], row["root_missing"]) == (50 * MS, 1, False)


async def test_pages_of_traces_have_no_gaps_and_no_repeats(
    get: Get, pages: Pages, telemetry: Telemetry
) -> None:
    seed = 7
    print("seed", seed)  # noqa: T201
    rng = random.Random(seed)
    for number in range(1, 41):  # several traces start at one instant, and have spans across pages
        at = rng.randrange(10) * 1000
        telemetry.span("web", "r", trace=number, id=1, at=at)
        telemetry.span("web", "c", trace=number, id=2, parent=1, at=at + rng.randrange(20_000))
    telemetry.send()
    whole = (await get("/traces", **telemetry.range, limit=100))["items"]
    keys = [(int(item["start_unix_nano"]), item["trace_id"]) for item in whole]
    assert keys == sorted(keys, reverse=True)
    assert len(keys) == 40
    for limit in (1, 7, 39, 40):
        found = await pages("/traces", **telemetry.range, limit=limit)
        assert found == whole


async def test_long_traces_are_where_their_earliest_matching_span_is(
    get: Get, pages: Pages, telemetry: Telemetry
) -> None:
    seed = 5
    print("seed", seed)  # noqa: T201
    rng = random.Random(seed)
    starts: dict[tuple[str, bool], dict[str, int]] = {}
    failed = set()
    for number in range(1, 61):  # spans of a trace are up to the whole hour apart
        at = rng.randrange(3600) * SECOND
        for span in range(1, 5):
            service, error = rng.choice(("web", "db")), rng.random() < 0.1
            telemetry.span(service, "x", trace=number, id=span, at=at, error=error)
            for key in ((service, error), (service, False), ("", error), ("", False)):
                known = starts.setdefault(key, {})
                name = telemetry.trace_id(number)
                known[name] = min(known.get(name, at), at)
            if error:
                failed.add(telemetry.trace_id(number))
            at = min(at + rng.choice((0, 10, 1800)) * SECOND, 3599 * SECOND)
    telemetry.send()

    def newest_first(found: dict[str, int]) -> list[str]:
        return sorted(found, key=lambda name: (found[name], name), reverse=True)

    for filters, key in (
        ({}, ("", False)),
        ({"service": "db"}, ("db", False)),
        ({"status": "error"}, ("", True)),
        ({"service": "web", "status": "error"}, ("web", True)),
    ):
        items = await pages("/traces", **telemetry.range, **filters, limit=7)
        assert [item["trace_id"] for item in items] == newest_first(starts[key]), filters
    unfailed = {name: at for name, at in starts["", False].items() if name not in failed}
    items = await pages("/traces", **telemetry.range, status="ok", limit=5)
    assert [item["trace_id"] for item in items] == newest_first(unfailed)


async def test_a_cursor_keeps_the_range_of_its_first_page(get: Get, telemetry: Telemetry) -> None:
    for number in (1, 2):
        telemetry.span("web", "r", trace=number, at=number)
    telemetry.send()
    first = await get("/traces", **telemetry.range, limit=1)
    second = await get("/traces", limit=1, cursor=first["next_cursor"])
    assert [item["trace_id"] for item in second["items"]] == [telemetry.trace_id(1)]


async def test_a_trace_5000_deep_is_answered(get: Get, telemetry: Telemetry) -> None:
    for number in range(1, 5001):
        telemetry.span("deep", "call", id=number, parent=number - 1, at=number)
    telemetry.send()
    trace = await get(f"/traces/{telemetry.trace_id(1)}")
    assert (trace["span_count"], len(trace["spans"]), trace["details"]) == (5000, 5000, "skeleton")
    assert trace["completeness"]["orphans"] == 0


async def test_an_id_that_is_none_is_refused_and_an_unknown_one_is_a_404(get: Get) -> None:
    assert "32 hexadecimal digits" in (await get("/traces/xyz", 400))["detail"]
    await get(f"/traces/{'0' * 31}1", 404)
    await get(f"/traces/{'0' * 31}1/spans/{'1' * 16}", 404)


async def test_a_trace_of_50000_spans_is_answered_as_a_skeleton(
    client: httpx.AsyncClient, telemetry: Telemetry
) -> None:
    first = telemetry.span("big", "call", id=1, trace=1)
    spans = telemetry.spans.resource_spans[0].scope_spans[0].spans
    for number in range(2, 50_001):
        span = spans.add()
        span.CopyFrom(first)
        span.span_id, span.parent_span_id = number.to_bytes(8, "big"), first.span_id
        span.start_time_unix_nano += number
    telemetry.send()
    began = time.perf_counter()
    response = await client.get(
        f"/api/v1/traces/{telemetry.trace_id(1)}", headers={"accept-encoding": "identity"}
    )
    seconds = time.perf_counter() - began
    print(f"50,000 spans: {seconds * 1000:.0f} ms, {len(response.content)} bytes")  # noqa: T201
    trace = response.json()
    assert (trace["details"], len(trace["spans"])) == ("skeleton", 50_000)
    assert trace["completeness"]["verdict"] == "complete"
    starts = [int(span["start_unix_nano"]) for span in trace["spans"]]
    assert starts == sorted(starts)


async def test_a_trace_beyond_the_limit_is_cut_and_says_so(
    get: Get, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 6):
        telemetry.span("web", "x", id=number, at=number, error=True)
    telemetry.send()
    monkeypatch.setattr("sightline_query_api.trace.MAX_SPANS", 3)
    for details in ("full", "skeleton"):
        trace = await get(f"/traces/{telemetry.trace_id(1)}", details=details)
        assert [int(span["span_id"], 16) for span in trace["spans"]] == [1, 2, 3]
        assert (trace["span_count"], trace["error_count"]) == (5, 5)
        assert trace["completeness"]["verdict"] == "truncated"
