"""Values of fields, for completion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Get, Telemetry


async def values(get: Get, telemetry: Telemetry, field: str, **more: str) -> list[tuple[str, int]]:
    answer = await get("/attributes/values", **telemetry.range, field=field, **more)
    return [(item["value"], item["count"]) for item in answer["items"]]


async def test_values_of_a_field_come_with_the_most_common_first(
    get: Get, telemetry: Telemetry
) -> None:
    for number, route in enumerate(["/cart", "/pay", "/cart", "", "/" + "x" * 300]):
        telemetry.span("shop", f"op {number % 2}", id=number + 1, attributes={"http.route": route})
    telemetry.span("other", "op 0", id=9, attributes={"http.route": "/Cart/2", "n": 1})
    telemetry.send()
    assert await values(get, telemetry, "http.route", service="shop") == [("/cart", 2), ("/pay", 1)]
    assert await values(get, telemetry, "http.route", prefix="/CA") == [
        ("/cart", 2),
        ("/Cart/2", 1),
    ]
    assert await values(get, telemetry, "service") == [("shop", 5), ("other", 1)]
    assert await values(get, telemetry, "name", service="other") == [("op 0", 1)]
    assert await values(get, telemetry, "resource.host.name", limit="1") == [("h-1", 6)]
    assert await values(get, telemetry, "n") == [("1", 1)]
    assert await values(get, telemetry, "') OR 1=1 --") == []
    assert await values(get, telemetry, "http.route", signal="logs") == []


@pytest.mark.parametrize(
    ("field", "signal"),
    [("duration", "traces"), ("status", "traces"), ("event", "traces"), ("body", "logs"),
     ("severity", "logs"), ("duration", "logs"), ("body", "traces")],
)  # fmt: skip
async def test_fields_that_are_no_texts_are_refused(
    get: Get, telemetry: Telemetry, field: str, signal: str
) -> None:
    given = {"field": field, "signal": signal}
    answer = await get("/attributes/values", 400, **telemetry.range, **given)
    assert field in answer["detail"]
