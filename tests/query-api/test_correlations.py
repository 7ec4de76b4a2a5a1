from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Get, Pages, Telemetry

SECOND = 1_000_000_000


def _scenario(telemetry: Telemetry) -> str:
    """Two traces and a log without a trace that carry an id; parts of them do not carry it."""
    name = f"order/{telemetry.start} ü"
    carrying = {"correlation.id": name}
    telemetry.span("web", "POST /order", trace=1, id=1, at=1, attributes=carrying)
    telemetry.span("pay", "charge", trace=1, id=2, parent=1, at=2, error=True)
    telemetry.log("pay", "declined", trace=1, span=2, at=3, severity=17)
    telemetry.log("ship", "packed", trace=2, at=5 * SECOND, attributes=carrying)
    telemetry.span("ship", "pack", trace=2, id=3, at=4 * SECOND)
    telemetry.log("cron", "retry", at=600 * SECOND, attributes=carrying)
    telemetry.span("web", "GET /", trace=3, id=1, at=2)
    telemetry.log("web", "unrelated", trace=3, at=2)
    telemetry.log("web", "unrelated", at=2)
    telemetry.send()
    return name


async def test_an_id_finds_what_carries_it_and_the_rest_of_those_traces(
    get: Get, telemetry: Telemetry
) -> None:
    name = _scenario(telemetry)
    found = await get(f"/correlations/{name.replace('/', '%2F')}")
    assert found["id"] == name
    assert found["matched"] == "correlation_id"
    assert [(item["kind"], item.get("name") or item.get("body")) for item in found["items"]] == [
        ("span", "POST /order"), ("span", "charge"), ("log", "declined"),
        ("span", "pack"), ("log", "packed"), ("log", "retry"),
    ]  # fmt: skip
    assert (found["span_count"], found["log_count"]) == (3, 3)
    assert (found["error_count"], found["error_log_count"]) == (1, 1)
    assert found["trace_ids"] == [telemetry.trace_id(1), telemetry.trace_id(2)]
    assert {row["service"]: (row["spans"], row["logs"]) for row in found["services"]} == {
        "web": (1, 0), "pay": (1, 1), "ship": (1, 1), "cron": (0, 1),
    }  # fmt: skip
    assert found["start_unix_nano"] == str(telemetry.start + 1)
    span, log = found["items"][1], found["items"][2]
    assert (span["status"], span["span_kind"], span["duration_ns"]) == ("error", "server", 10**6)
    assert log["severity"] == "error"
    assert "status" not in log
    assert "severity" not in span
    assert found["completeness"]["verdict"] == "complete"


async def test_a_trace_id_finds_its_spans_and_logs(get: Get, telemetry: Telemetry) -> None:
    _scenario(telemetry)
    found = await get(f"/correlations/{telemetry.trace_id(1)}")
    assert found["matched"] == "trace_id"
    assert (found["span_count"], found["log_count"]) == (2, 1)
    assert (await get(f"/correlations/{telemetry.trace_id(1).upper()}"))["span_count"] == 2


async def test_a_trace_of_logs_alone_is_found(get: Get, telemetry: Telemetry) -> None:
    telemetry.log("web", "alone", trace=9)
    telemetry.send()
    found = await get(f"/correlations/{telemetry.trace_id(9)}")
    assert (found["matched"], found["span_count"], found["log_count"]) == ("trace_id", 0, 1)


async def test_an_id_that_is_both_says_so(get: Get, telemetry: Telemetry) -> None:
    own = telemetry.trace_id(1)
    telemetry.span("web", "a", trace=1, attributes={"correlation.id": own})
    telemetry.send()
    found = await get(f"/correlations/{own}")
    assert (found["matched"], found["span_count"]) == ("both", 1)


async def test_pages_have_no_gaps_and_no_repeats(
    get: Get, pages: Pages, telemetry: Telemetry
) -> None:
    for number in range(30):
        telemetry.span("web", "s", id=number + 1, at=number % 3)
        telemetry.log("web", "same", trace=1, at=number % 3)
    telemetry.send()
    path = f"/correlations/{telemetry.trace_id(1)}"
    whole = (await get(path))["items"]
    assert len(whole) == 60
    for limit in (7, 59):
        found = await pages(path, limit=limit)
        assert found == whole


async def test_an_unknown_id_is_a_404(get: Get) -> None:
    assert "nobody" in (await get("/correlations/nobody", 404))["detail"]
