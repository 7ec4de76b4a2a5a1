from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Get, Pages, Telemetry

SECOND = 1_000_000_000


async def test_a_record_has_all_of_its_fields(get: Get, telemetry: Telemetry) -> None:
    record = telemetry.log(
        "web", "it went wrong", trace=1, span=5, severity=17, at=3,
        attributes={"correlation.id": "c-1", "n": 5},
    )  # fmt: skip
    record.severity_text, record.event_name, record.flags = "ERROR", "failed", 1
    record.observed_time_unix_nano = telemetry.start + 9
    telemetry.send()
    (item,) = (await get("/logs", **telemetry.range))["items"]
    assert item.pop("id")
    assert item.pop("time").endswith("00.000000003Z")
    assert item == {
        "time_unix_nano": str(telemetry.start + 3),
        "observed_time_unix_nano": str(telemetry.start + 9),
        "service": "web",
        "severity": "error",
        "severity_text": "ERROR",
        "severity_number": 17,
        "body": "it went wrong",
        "body_structured": False,
        "event_name": "failed",
        "trace_id": telemetry.trace_id(1),
        "span_id": f"{5:016x}",
        "correlation_id": "c-1",
        "attributes": {"correlation.id": "c-1", "n": 5},
        "resource": {"service.name": "web", "host.name": "h-1"},
        "scope_name": "",
        "flags": 1,
    }


async def test_a_structured_body_is_json_text(get: Get, telemetry: Telemetry) -> None:
    telemetry.log("web", {"a": [1, {"b": None}]})
    telemetry.send()
    (item,) = (await get("/logs", **telemetry.range))["items"]
    assert item["body_structured"]
    assert json.loads(item["body"]) == {"a": [1, {"b": None}]}


@pytest.mark.parametrize("order", ["desc", "asc"])
async def test_pages_have_no_gaps_and_no_repeats_even_of_equal_records(
    get: Get, pages: Pages, telemetry: Telemetry, order: str
) -> None:
    seed = 11
    print("seed", seed)  # noqa: T201
    rng = random.Random(seed)
    for _ in range(60):  # few instants and few bodies: many records are equal
        telemetry.log("web", f"line {rng.randrange(2)}", at=rng.randrange(4))
    telemetry.send()
    whole = (await get("/logs", **telemetry.range, order=order))["items"]
    times = [int(item["time_unix_nano"]) for item in whole]
    assert times == sorted(times, reverse=order == "desc")
    assert len({item["id"] for item in whole}) == 60
    for limit in (1, 7, 59, 60):
        found = await pages("/logs", **telemetry.range, order=order, limit=limit)
        assert found == whole


async def test_filters_and_histogram_agree(get: Get, telemetry: Telemetry) -> None:
    severities = (1, 5, 9, 13, 17, 21, 0)
    for number, severity in enumerate(severities):
        telemetry.log(
            "web", f"payment {'declined' if number % 2 else 'accepted'}", severity=severity,
            at=(30 + number * 61) * SECOND, trace=number % 2 + 1, attributes={"k": number},
        )  # fmt: skip
    telemetry.log("db", "slow query", severity=13)
    telemetry.send()
    cases: list[tuple[dict[str, str], int]] = [
        ({}, 8),
        ({"service": "web"}, 7),
        ({"severity": "warn"}, 4),
        ({"severity": "warn", "service": "web"}, 3),
        ({"q": "declined"}, 3),
        ({"q": "DECLINED AND k>=3"}, 2),
        ({"q": "declin"}, 0),
        ({"q": "declin*"}, 3),
        ({"q": '"payment declined"'}, 3),
        ({"q": '"declined payment"'}, 0),
        ({"q": "severity>=error"}, 2),
        ({"q": "-service:web"}, 1),
        ({"q": "resource.host.name:h-1"}, 8),
        ({"trace_id": telemetry.trace_id(2)}, 3),
        ({"trace_id": telemetry.trace_id(2), "span_id": f"{1:016x}"}, 3),
    ]
    for filters, count in cases:
        found = await get("/logs", **telemetry.range, **filters)
        histogram = await get("/logs/histogram", **telemetry.range, **filters)
        assert len(found["items"]) == count, filters
        assert histogram["total"] == count, filters
        assert sum(bucket["total"] for bucket in histogram["items"]) == count
    histogram = await get("/logs/histogram", **telemetry.range)
    assert histogram["step_seconds"] == 60
    assert len(histogram["items"]) == 60
    assert sum(bucket["unspecified"] for bucket in histogram["items"]) == 1
    assert sum(bucket["warn"] for bucket in histogram["items"]) == 2


async def test_a_histogram_of_cut_minutes_counts_exactly_what_is_asked(
    get: Get, telemetry: Telemetry
) -> None:
    for second in range(0, 7200, 10):
        telemetry.log("web", "tick", at=second * SECOND)
    telemetry.send()
    start = telemetry.start + 25 * SECOND
    asked = {"start": str(start), "end": str(telemetry.start + 7155 * SECOND)}
    histogram = await get("/logs/histogram", **asked)
    assert histogram["step_seconds"] == 120
    assert histogram["total"] == 713
    assert histogram["items"][0]["total"] == 9


async def test_logs_of_a_trace_need_no_range(get: Get, telemetry: Telemetry) -> None:
    telemetry.log("web", "long ago", trace=3)
    telemetry.send()
    found = await get("/logs", trace_id=telemetry.trace_id(3))
    assert [item["body"] for item in found["items"]] == ["long ago"]
    assert (await get("/logs/histogram", trace_id=telemetry.trace_id(3)))["total"] == 1
    assert (await get("/logs", trace_id="ab" * 16))["items"] == []
