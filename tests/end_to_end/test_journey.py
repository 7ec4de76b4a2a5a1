"""One checkout through the demo shop, followed by its correlation id and its trace."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from sightline_collector.sample import sample, send
from sightline_core.wire.names import Signal
from sightline_demo.once import send_checkout
from sightline_demo.processes import OBSERVED

if TYPE_CHECKING:
    from tests.end_to_end.running import Running

    from sightline_demo.once import Sent

SEARCHABLE_SECONDS = 10


@pytest.fixture(scope="module")
def checkout(shop: Running) -> Sent:
    """One order whose parcel has been shipped, which is the last thing that happens."""
    sent = send_checkout(shop.storefront, items=3)
    assert sent.status == 201

    def complete() -> bool:
        found = shop.find(f"/correlations/{sent.correlation_id}", limit=1000)
        items = found["items"] if found else []
        names = {item.get("name") for item in items}
        services = {item["service"] for item in items}
        return services == {*OBSERVED} and {"POST /checkout", "process order.shipped"} <= names

    shop.wait(complete, "every service in the correlation", seconds=30)
    return sent


def whole_correlation(running: Running, identifier: str) -> dict[str, Any]:
    page: dict[str, Any] = running.get(f"/correlations/{identifier}", limit=1000)
    assert page["next_cursor"] is None
    return page


def test_its_correlation_id_shows_every_service_in_time_order(
    shop: Running, checkout: Sent
) -> None:
    found = whole_correlation(shop, checkout.correlation_id)

    assert found["matched"] == "correlation_id"
    assert {one["service"] for one in found["services"]} == {*OBSERVED}
    times = [int(item["time_unix_nano"]) for item in found["items"]]
    assert times == sorted(times)
    assert {item["kind"] for item in found["items"]} == {"span", "log"}
    spans = [item for item in found["items"] if item["kind"] == "span"]
    logs = [item for item in found["items"] if item["kind"] == "log"]
    assert (len(spans), len(logs)) == (found["span_count"], found["log_count"])
    assert checkout.trace_id in found["trace_ids"]
    assert found["completeness"]["truncated"] is False


def test_its_trace_crosses_five_services_and_misses_no_span(shop: Running, checkout: Sent) -> None:
    trace = shop.get(f"/traces/{checkout.trace_id}")

    assert len(trace["services"]) >= 5
    ids = {span["span_id"] for span in trace["spans"]}
    roots = [span["name"] for span in trace["spans"] if span["parent_span_id"] == ""]
    assert roots == ["POST /checkout"]
    assert all(span["parent_span_id"] in ids | {""} for span in trace["spans"])
    assert trace["completeness"]["orphans"] == 0
    assert trace["span_count"] == len(trace["spans"])
    assert checkout.correlation_id in trace["correlation_ids"]


def test_its_log_lines_carry_the_trace_and_a_span_of_it(shop: Running, checkout: Sent) -> None:
    def read() -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
        trace = shop.get(f"/traces/{checkout.trace_id}")
        logs = shop.get("/logs", trace_id=checkout.trace_id, limit=1000)["items"]
        return (trace, logs) if len(logs) == trace["log_count"] >= 5 else None

    # Lines are still coming in; the two answers agree as soon as none comes between them.
    trace, logs = shop.wait(read, "as many lines as the trace counts")

    assert {log["trace_id"] for log in logs} == {checkout.trace_id}
    assert {log["span_id"] for log in logs} <= {span["span_id"] for span in trace["spans"]}
    assert len({log["service"] for log in logs}) >= 5


def test_a_declined_card_is_an_error_that_can_be_searched_for(shop: Running) -> None:
    sent = send_checkout(shop.storefront, "timeout")
    assert sent.status == 503

    def found() -> list[str]:
        rows = shop.get("/traces", q=f"correlation_id:{sent.correlation_id}", status="error")
        return [row["trace_id"] for row in rows["items"]]

    assert shop.wait(lambda: sent.trace_id in found(), "the failed checkout", seconds=30)


def listed(running: Running, correlation_id: str) -> bool:
    query = {"q": f"correlation_id:{correlation_id}", "service": "stopwatch"}
    return bool(running.get("/traces", **query)["items"])


def test_what_is_accepted_is_searchable_within_seconds(shop: Running) -> None:
    waits = []
    for _ in range(10):
        made = sample("stopwatch")
        send(shop.otlp_http, Signal.TRACES, made.requests[Signal.TRACES])
        accepted = time.monotonic()
        shop.wait(partial(listed, shop, made.trace_id), "the trace in a search")
        waits.append(time.monotonic() - accepted)
    waits.sort()
    print(  # noqa: T201 - the measurement
        f"accepted to searchable: median {waits[5]:.2f} s, longest of 10 {waits[-1]:.2f} s"
    )
    assert waits[-1] < SEARCHABLE_SECONDS
