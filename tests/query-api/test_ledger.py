"""The books balance to the unit, and name what is missing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.ledger.simulated import HOUR, SECOND, Shop, random_shop

from sightline_query_api.accounts import Accounts, SdkCounts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Get

    from sightline_core.store.client import Store

COLUMNS = (
    "stored", "sampled_out", "dropped", "quarantined", "dead_lettered", "in_flight", "unexplained",
)  # fmt: skip


@pytest.fixture
def shop(store: Store, hours: Iterator[int], request: pytest.FixtureRequest) -> Shop:
    return Shop(store, next(hours), f"{request.node.name[:50]}-{time.time_ns()}")


def _range(shop: Shop) -> dict[str, str]:
    return {"start": str(shop.start), "end": str(shop.start + HOUR)}


async def _books(get: Get, shop: Shop, **asked: str) -> dict[str, Any]:
    """Return the rows of traces by service; every row must balance."""
    answer = await get("/ledger", **(_range(shop) | asked))
    for row in answer["items"]:
        assert row["created"] == sum(row[name] for name in COLUMNS), row
        assert row["dropped"] == sum(drop["records"] for drop in row["dropped_by"])
    assert answer["balanced"] == all(row["unexplained"] == 0 for row in answer["items"])
    return {row["service"]: row for row in answer["items"] if row["signal"] == "traces"}


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_happens_to_messages_the_books_say_so_to_the_unit(
    get: Get, store: Store, hours: Iterator[int], seed: int
) -> None:
    shop = random_shop(store, next(hours), seed)
    shop.insert()
    shop.report()
    rows = await _books(get, shop)
    for service, columns in shop.expected().items():
        found = {name: rows[service][name] for name in columns}
        assert found == dict(columns), (seed, service)
    gaps = (await get("/ledger/gaps", **_range(shop)))["items"]
    assert all(gap["state"] == "missing" for gap in gaps)
    named = sorted((gap["first_seq"], gap["last_seq"]) for gap in gaps)
    assert named == shop.expected_gaps(), seed


@pytest.mark.parametrize("seed", range(100, 104))
async def test_what_an_sdk_delivered_and_nobody_has_is_missing_in_its_name(
    get: Get, store: Store, hours: Iterator[int], seed: int
) -> None:
    shop = random_shop(store, next(hours), seed)
    for service in ("cart", "pay", "ship"):
        shop.message(service, 1)
    shop.insert()
    shop.report(cart=2)
    for service in ("cart", "pay", "ship"):
        shop.sdk(service, sampled_out=5, dropped=3, queued=4)
    rows = await _books(get, shop, end=str(shop.end + SECOND))
    for service, row in rows.items():
        if not service or service == "sightline-collector":
            continue
        lost = sum(m.records for m in shop.sent if (m.service, m.fate) == (service, "missing"))
        twice = shop.expected()[service]["duplicated_records"]
        # Copies hide as many lost records from the SDK's count, but not from the collector's.
        assert row["sampled_out"] == 5
        assert row["in_flight"] == 4
        assert {"hop": "sdk", "reason": "queue_full", "records": 3} in row["dropped_by"]
        assert row["counted_by"] == "sdk"
        if not twice:
            assert row["unexplained"] == lost, (seed, service)
    lost = sum(m.records for m in shop.sent if m.fate == "missing")
    twice = sum(m.records for m in shop.sent if m.fate == "duplicated")
    assert sum(row["unexplained"] for row in rows.values()) == lost - twice, seed


async def test_what_a_silent_process_had_in_its_queue_is_dropped_there(
    get: Get, shop: Shop
) -> None:
    shop.message("cart", 1)
    shop.insert()
    shop.sdk("cart", queued=4)
    (drop,) = (await _books(get, shop))["cart"]["dropped_by"]
    assert drop == {"hop": "sdk", "reason": "process_gone", "records": 4}


async def test_the_first_and_the_last_messages_are_missed_too(get: Get, shop: Shop) -> None:
    for fate in ("missing", "missing", "stored", "missing"):
        shop.message("cart", 2, fate)
    shop.insert()
    shop.report()
    gaps = (await get("/ledger/gaps", **_range(shop)))["items"]
    assert sorted((gap["first_seq"], gap["last_seq"]) for gap in gaps) == [(1, 2), (4, 4)]
    assert (await _books(get, shop))[""]["unexplained"] == 6


async def test_what_a_collector_numbered_after_its_last_report_is_nobodys_fault(
    get: Get, store: Store, hours: Iterator[int]
) -> None:
    shop = Shop(store, next(hours), f"collector-died-{time.time_ns()}")
    for fate in ("stored", "missing", "stored"):
        shop.message("cart", 1, fate)
    shop.report()
    for fate in ("stored", "missing", "stored"):  # and then it was killed
        shop.message("cart", 1, fate)
    shop.insert()
    found = (await get("/ledger/gaps", **_range(shop)))["items"]
    assert sorted((gap["first_seq"], gap["state"]) for gap in found) == [
        (2, "missing"), (5, "unacknowledged"),
    ]  # fmt: skip
    row = (await _books(get, shop))[""]
    assert (row["missing_messages"], row["pending_messages"]) == (1, 1)


async def test_an_origin_of_which_nothing_arrived_is_missed(get: Get, shop: Shop) -> None:
    shop.message("cart", 2, "missing")
    shop.report()
    (gap,) = (await get("/ledger/gaps", **_range(shop)))["items"]
    assert (gap["origin"], gap["messages"]) == (shop.origin, 1)
    (row,) = [
        row
        for row in (await get("/ledger/origins", **_range(shop)))["items"]
        if row["origin"] == shop.origin and row["signal"] == "traces"
    ]
    assert (row["forwarded"], row["arrived"], row["missing_messages"]) == (2, 0, 1)


async def test_a_gap_is_undecided_until_its_time_has_passed(
    get: Get, store: Store, request: pytest.FixtureRequest
) -> None:
    shop = Shop(store, time.time_ns() - 5 * SECOND, f"{request.node.name}-{time.time_ns()}")
    for fate in ("stored", "missing", "stored"):
        shop.message("cart", 1, fate)
    shop.insert()
    (gap,) = [gap for gap in (await get("/ledger/gaps"))["items"] if gap["origin"] == shop.origin]
    assert (gap["first_seq"], gap["last_seq"], gap["state"]) == (2, 2, "pending")
    answer = await get("/ledger")
    row = next(r for r in answer["items"] if (r["signal"], r["service"]) == ("traces", ""))
    assert row["pending_messages"] >= 1


async def test_what_a_collector_rejects_for_the_first_time_is_counted_from_zero(
    get: Get, shop: Shop
) -> None:
    """Its series of rejected records begins in the window, the collector before."""
    for _ in range(3):
        shop.message("cart", 1)
    shop.insert()
    resource = {"service.name": "sightline-collector", "service.instance.id": shop.origin}
    accepted = ({"signal": "traces", "outcome": "accepted"}, 1)
    shop.metrics(resource, {"sightline.collector.records": [accepted]}, at=shop.at(1))
    shop.report(cart=2)
    row = (await _books(get, shop, start=str(shop.at(1) + 1)))["cart"]
    assert row["dropped_by"] == [{"hop": "collector", "reason": "too_large", "records": 2}]


async def test_what_an_sdk_drops_for_the_first_time_is_counted_from_zero(
    get: Get, shop: Shop
) -> None:
    """Its series of drops begins in the window, the process and its counters before."""
    for _ in range(3):
        shop.message("cart", 1)
    shop.insert()
    exported = ({"otel.component.type": "otlp_http_span_exporter"}, 1)
    early = {"otel.sdk.exporter.span.exported": [exported]}
    shop.metrics({"service.name": "cart"}, early, at=shop.at(1))
    shop.sdk("cart", dropped=2)
    row = (await _books(get, shop, start=str(shop.at(1) + 1)))["cart"]
    assert row["dropped_by"] == [{"hop": "sdk", "reason": "queue_full", "records": 2}]
    assert (row["stored"], row["unexplained"]) == (2, 0)


@pytest.mark.parametrize(
    "counts",
    [
        SdkCounts(sampled_out=0, dropped={}, missing=5, waiting=0, gone=0),
        SdkCounts(sampled_out=0, dropped={"rejected": 2}, missing=3, waiting=0, gone=0),
    ],
    ids=["delivered", "rejected"],
)
def test_what_a_collector_rejected_counts_once_whatever_the_sdk_calls_it(
    counts: SdkCounts,
) -> None:
    accounts = Accounts()
    accounts.rejected("traces", "cart", "too_large", 2)
    accounts.sdk("traces", "cart", counts)
    account = accounts.of("traces", "cart")
    assert +account.dropped == {("collector", "too_large"): 2}
    assert account.unexplained == 3


async def test_a_dead_letter_hides_no_gap(get: Get, shop: Shop) -> None:
    for fate in ("stored", "dead", "missing", "dead", "stored"):
        shop.message("cart", 1, fate)
    shop.insert()
    shop.report()
    (gap,) = (await get("/ledger/gaps", **_range(shop)))["items"]
    assert (gap["first_seq"], gap["last_seq"]) == (3, 3)
    rows = await _books(get, shop)
    assert (rows["cart"]["dead_lettered"], rows[""]["missing_messages"]) == (2, 1)


async def test_messages_that_the_bus_removed_are_dropped_there(
    get: Get, store: Store, shop: Shop
) -> None:
    for fate in ("stored", "missing", "missing", "stored"):
        shop.message("cart", 3, fate)
    shop.insert()
    shop.report()
    store.command(
        "INSERT INTO sightline_gaps SELECT fromUnixTimestamp64Milli({at:Int64}), 'otlp_spans', "
        "7, 100, 101, 'expired'",
        {"at": shop.at(5) // 10**6},
    )
    rows = await _books(get, shop)
    assert rows[""]["dropped_by"] == [{"hop": "bus", "reason": "expired", "records": 6}]
    assert (rows[""]["unexplained"], rows[""]["missing_messages"]) == (0, 2)
    answer = await get("/services", **_range(shop))
    assert answer["completeness"]["verdict"] == "truncated"
    assert "removed" in " ".join(answer["completeness"]["reasons"])


async def test_a_window_that_begins_between_two_messages_sees_the_gap_between(
    get: Get, shop: Shop
) -> None:
    for fate in ("stored", "stored", "missing", "stored"):
        shop.message("cart", 1, fate)
    shop.insert()
    late = {"start": str(shop.at(3) + 1), "end": str(shop.start + HOUR)}
    (gap,) = (await get("/ledger/gaps", **late))["items"]
    assert (gap["first_seq"], gap["last_seq"]) == (3, 3)


async def test_no_answer_is_complete_that_a_gap_or_a_dead_letter_falls_into(
    get: Get, shop: Shop
) -> None:
    for fate in ("stored", "missing", "dead", "stored"):
        shop.message("cart", 1, fate)
    shop.insert()
    trace = shop.at(1).to_bytes(16, "big").hex()
    for path in (
        "/services", "/services/cart", "/services/cart/operations", "/services/cart/signals",
        "/traces", "/dependencies", "/ledger", "/attributes", f"/traces/{trace}",
        f"/correlations/{trace}",
    ):  # fmt: skip
        said = (await get(path, **_range(shop)))["completeness"]
        assert said["verdict"] == "truncated", path
        assert (said["missing_messages"], said["dead_letters"]) == (1, 1), path
    logs = (await get("/logs", **_range(shop)))["completeness"]
    assert logs["verdict"] == "complete"
    too_old = str(shop.start - 400 * 24 * HOUR)  # for anything that came since
    other = await get("/services/cart/signals", start=too_old, end=str(int(too_old) + HOUR))
    assert other["completeness"]["verdict"] == "complete"


async def test_what_comes_late_and_is_lost_may_be_of_an_earlier_time(get: Get, shop: Shop) -> None:
    shop.message("cart", 1, "dead")
    shop.insert()
    five_hours_before = {"start": str(shop.start - 5 * HOUR), "end": str(shop.start - 4 * HOUR)}
    said = (await get("/services/cart/signals", **five_hours_before))["completeness"]
    assert said["verdict"] == "truncated"
    assert said["dead_letters"] >= 1
    assert "perhaps of it" in " ".join(said["reasons"])
