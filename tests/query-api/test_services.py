from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Get, Pages, Telemetry

MS = 1_000_000
MINUTE = 60 * 1000 * MS


async def test_a_service_has_its_entry_spans_as_requests(get: Get, telemetry: Telemetry) -> None:
    for number in range(10):
        telemetry.span("shop", "GET /", id=number + 1, duration=10 * MS, error=number < 2)
    telemetry.span("shop", "SELECT", id=99, kind=3, duration=500 * MS)
    telemetry.log("shop", "hello")
    telemetry.send()
    answer = await get("/services", **telemetry.range)
    (shop,) = answer["items"]
    assert (shop["service"], shop["requests"], shop["errors"]) == ("shop", 10, 2)
    assert (shop["spans"], shop["logs"], shop["error_rate"]) == (11, 1, 0.2)
    assert abs(shop["p95_ns"] - 10 * MS) <= 0.02 * 10 * MS
    assert sum(shop["sparkline"]) == 10
    assert len(shop["sparkline"]) == 30
    assert shop["rate_per_second"] == round(10 / 3600, 4)
    assert answer["completeness"]["verdict"] == "complete"


async def test_a_service_with_logs_alone_is_listed(get: Get, telemetry: Telemetry) -> None:
    telemetry.log("quiet", "hello", at=30 * 1000 * MS)
    telemetry.send()
    (quiet,) = (await get("/services", **telemetry.range))["items"]
    assert (quiet["requests"], quiet["logs"], quiet["p50_ns"]) == (0, 1, None)
    one = await get("/services/quiet", **telemetry.range)
    assert one["attributes"] == {"service.name": "quiet", "host.name": "h-1"}


async def test_pages_of_services_have_no_gaps_and_no_repeats(
    pages: Pages, telemetry: Telemetry
) -> None:
    for number in range(7):
        telemetry.span(f"s{number}", "x", id=number + 1)
    telemetry.send()
    items = await pages("/services", **telemetry.range, limit=3)
    assert [item["service"] for item in items] == [f"s{number}" for number in range(7)]


async def test_operations_are_paged_busiest_first_with_exemplars(
    get: Get, telemetry: Telemetry
) -> None:
    for operation, count in (("a", 3), ("b", 3), ("c", 1), ("d", 5)):
        for number in range(count):
            telemetry.span(
                "ops", operation, id=number + 1, trace=number + 1, duration=(number + 1) * MS,
                error=operation == "a" and number == 0,
            )  # fmt: skip
    telemetry.send()
    first = await get("/services/ops/operations", **telemetry.range, limit=3)
    second = await get(
        "/services/ops/operations", **telemetry.range, limit=3, cursor=first["next_cursor"]
    )
    items = first["items"] + second["items"]
    assert [item["operation"] for item in items] == ["d", "a", "b", "c"]
    assert second["next_cursor"] is None
    assert items[1]["exemplar_trace_id"] == telemetry.trace_id(3)
    assert items[1]["error_trace_id"] == telemetry.trace_id(1)
    assert items[2]["error_trace_id"] is None
    assert items[0]["kind"] == "server"


async def test_signals_have_a_point_per_step_also_for_silence(
    get: Get, telemetry: Telemetry
) -> None:
    telemetry.span("beat", "x", id=1, at=MINUTE, duration=7 * MS)
    telemetry.span("beat", "x", id=2, at=3 * MINUTE, error=True)
    telemetry.span("beat", "y", id=3, at=3 * MINUTE, kind=1)
    telemetry.send()
    answer = await get("/services/beat/signals", **telemetry.range, step_seconds=60)
    assert [point["requests"] for point in answer["series"]] == [0, 1, 0, 1] + [0] * 56
    assert [point["errors"] for point in answer["series"][:5]] == [0, 0, 0, 1, 0]
    assert answer["series"][0]["p95_ns"] is None
    internal = await get("/services/beat/signals", **telemetry.range, operation="y")
    assert sum(point["requests"] for point in internal["series"]) == 1


async def test_a_sampled_span_counts_for_those_it_stands_for(
    get: Get, telemetry: Telemetry
) -> None:
    telemetry.span("sampled", "x").trace_state = "ot=th:c"  # one in four
    telemetry.send()
    answer = await get("/services", **telemetry.range)
    assert answer["items"][0]["requests"] == 4
    assert answer["items"][0]["spans"] == 1
    assert answer["completeness"]["verdict"] == "sampled"


async def test_a_name_with_a_slash_is_a_service(get: Get, telemetry: Telemetry) -> None:
    telemetry.span("team/shop", "x")
    telemetry.send()
    assert (await get("/services/team%2Fshop", **telemetry.range))["service"] == "team/shop"
    operations = await get("/services/team%2Fshop/operations", **telemetry.range)
    assert [item["operation"] for item in operations["items"]] == ["x"]


async def test_an_unknown_service_is_a_404(get: Get, telemetry: Telemetry) -> None:
    problem = await get("/services/nobody", 404, **telemetry.range)
    assert "nobody" in problem["detail"]


async def test_too_many_points_are_refused(get: Get) -> None:
    problem = await get("/services/x/signals", 400, start="0", step_seconds=60)
    assert "longer step" in problem["detail"]
