"""The books in the browser, of real traffic: they balance, and say what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.end_to_end.running import Running
    from tests.end_to_end.watched import Watched

pytestmark = pytest.mark.browser


def test_the_books_of_the_demo_balance_and_are_seen_to(
    shop: Running, watch: Callable[..., Watched]
) -> None:
    def counted() -> Any:
        rows = shop.get("/ledger")["items"]
        return [row for row in rows if row["service"] == "storefront" and row["stored"]]

    shop.wait(counted, "the storefront in the ledger")
    watched = watch(shop)
    watched.open("/ledger")
    watched.see(".title-line .tag", "balanced")
    watched.see(".ledger-totals .ledger-bar")
    watched.see(".ledger-table", "storefront")
    watched.see("#gaps", "Every number that a collector gave to a message is accounted for")
    stored = watched.page.locator(".ledger-total .ledger-stored").first.bounding_box()
    assert stored is not None
    assert stored["width"] > 100
    watched.see(".ledger-meanings summary").click()
    watched.see(".ledger-meanings", "What nobody accounts for")
    assert watched.overflow() <= 0
    assert not watched.foreign_elements()


def test_the_status_page_shows_partitions_and_processes(
    shop: Running, watch: Callable[..., Watched]
) -> None:
    shop.wait(lambda: len(shop.get("/status")["partitions"]) >= 3, "reports of the pipeline")
    watched = watch(shop)
    watched.open("/status")
    watched.see("#main", "otlp_spans 0")
    watched.see("#main", "Processes")
    assert shop.get("/alerts")["items"] == []
    assert watched.overflow() <= 0
