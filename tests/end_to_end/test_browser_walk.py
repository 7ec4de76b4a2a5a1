"""What a person sees: from the services to the log lines of one span, and back by links."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.end_to_end.running import Running

from sightline_demo.once import send_checkout

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page
    from tests.end_to_end.watched import Watched

    from sightline_demo.once import Sent

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def failed(shop: Running) -> Sent:
    """A checkout that failed in payment, searchable."""
    sent = send_checkout(shop.storefront, "timeout")
    shop.wait(lambda: complete(shop, sent), "the failed checkout", seconds=30)
    return sent


def complete(shop: Running, sent: Sent) -> bool:
    trace = shop.find(f"/traces/{sent.trace_id}")
    return bool(trace) and trace["completeness"]["orphans"] == 0 and trace["log_count"] > 3


def row_ids(page: Page) -> Any:
    return page.locator(".waterfall-scroll").get_attribute("aria-activedescendant")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_from_the_services_to_a_span_its_logs_and_its_correlation(
    shop: Running, failed: Sent, watch: Callable[..., Watched], theme: str
) -> None:
    watched = watch(shop, theme=theme)
    page = watched.open("/")
    watched.see(".badge")
    watched.see(".services-table a", "storefront").click()
    watched.see("h1", "storefront")
    watched.see(".badge")
    watched.see(".table a", "POST /checkout").click()
    watched.settle()
    page.locator(f'a.trace-item[href*="{failed.trace_id}"]').click()
    watched.see(".row", "checkout started")  # a log line: rows move until they are in
    watched.see(".badge")
    watched.settle()
    page.locator(".row", has_text="authorize card").first.click()
    watched.see(".panel h2", "authorize card")
    watched.see(".panel", "ProviderTimeoutError")
    page.keyboard.press("ArrowUp")
    watched.see(".panel h2", "POST /charges")
    watched.see(".panel a", "Its logs").click()
    watched.settle()
    watched.see(".log-line").click()
    watched.see(".log-details", failed.trace_id)
    watched.see(f'.log-details a[href*="{failed.correlation_id}"]').click()
    watched.see("h1", failed.correlation_id)
    watched.settle()
    services = page.locator(".journey .step-service").all_inner_texts()
    assert {"storefront", "payment", "cart"} <= {one.strip() for one in services}
    watched.see(".badge")
    assert watched.overflow() <= 0
    assert not watched.foreign_elements()


def test_every_page_opens_with_the_theme_that_is_asked_for(
    shop: Running, watch: Callable[..., Watched]
) -> None:
    seen = {}
    for theme in ("light", "dark"):
        watched = watch(shop, theme=theme)
        for path in ("/", "/traces", "/logs", "/map", "/status", "/ledger", "/quarantine"):
            watched.open(path)
            watched.see("h1")
            assert watched.overflow() <= 0, path
        seen[theme] = watched.page.evaluate(
            "getComputedStyle(document.documentElement).backgroundColor"
        )
    brightness = {theme: sum(map(int, re.findall(r"\d+", rgb)[:3])) for theme, rgb in seen.items()}
    assert brightness["light"] > 600
    assert brightness["dark"] < 200


@pytest.mark.parametrize("path", ["/", "/traces", "/logs", "/map", "/status", "/ledger"])
def test_no_page_is_wider_than_a_phone(
    shop: Running, watch: Callable[..., Watched], path: str
) -> None:
    watched = watch(shop, width=390, height=844)
    watched.open(path)
    watched.see("h1")
    assert watched.overflow() <= 0


def test_the_keyboard_reaches_search_help_and_the_rows_of_a_trace(
    shop: Running, failed: Sent, watch: Callable[..., Watched]
) -> None:
    watched = watch(shop)
    page = watched.open("/services/storefront")
    page.keyboard.press("?")
    watched.see("dialog.shortcuts[open]")
    page.keyboard.press("Escape")
    page.locator("dialog.shortcuts").wait_for(state="detached")
    page.keyboard.press("/")
    page.keyboard.type(failed.trace_id)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/traces/{failed.trace_id}**")
    watched.see(".row", "checkout started")  # a log line: rows move until they are in
    watched.settle()
    page.locator(".waterfall-scroll").focus()
    page.keyboard.press("ArrowDown")
    first = row_ids(page)
    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    third = row_ids(page)
    page.keyboard.press("k")
    page.keyboard.press("ArrowUp")
    assert row_ids(page) == first != third
    rows = page.locator(".row").count()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("rows => document.querySelectorAll('.row').length < rows", arg=rows)
    page.keyboard.press("ArrowRight")
    page.wait_for_function("rows => document.querySelectorAll('.row').length === rows", arg=rows)
    page.keyboard.press("Enter")
    watched.see(".panel h2")
    page.keyboard.press("Escape")
    page.locator(".panel").wait_for(state="detached")
    page.keyboard.press("2")
    page.wait_for_url("**/traces*")
    watched.settle()


def test_a_link_brings_back_what_was_looked_at(
    shop: Running, failed: Sent, watch: Callable[..., Watched]
) -> None:
    watched = watch(shop)
    page = watched.open(f"/traces/{failed.trace_id}")
    watched.see(".row", "checkout started")
    page.locator(".row", has_text="authorize card").first.click()
    watched.see(".panel h2", "authorize card")
    page.get_by_label("Find in this trace").fill("charge")
    watched.see(".find-count", "/")
    page.wait_for_url(lambda url: "charge" in url)

    again = watch(shop)
    again.open(page.url)
    again.see(".panel h2", "authorize card")
    assert again.page.get_by_label("Find in this trace").input_value() == "charge"
    page.go_back()
    watched.settle()


def test_a_search_is_in_the_address(shop: Running, watch: Callable[..., Watched]) -> None:
    watched = watch(shop)
    page = watched.open("/logs")
    page.get_by_label("Query").first.fill("service:payment")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "payment" in url)

    again = watch(shop)
    again.open(page.url)
    assert again.page.get_by_label("Query").first.input_value() == "service:payment"
    again.see(".log-line")


def test_a_fresh_instance_says_how_to_send_something(
    tmp_path: Path, watch: Callable[..., Watched]
) -> None:
    with Running(tmp_path / "data") as fresh:
        watched = watch(fresh)
        watched.open("/")
        watched.see(".state-empty", "No services")
        watched.see(".send-data", "OTEL_EXPORTER_OTLP_ENDPOINT")
        for path in ("/traces", "/logs", "/map", "/ledger", "/quarantine", "/status"):
            watched.open(path)
            watched.see("h1")
        watched.page.goto("about:blank")


def test_every_answer_forbids_foreign_content(shop: Running) -> None:
    for path in ("/", "/traces/x", "/api/v1/services", "/assets/none.js"):
        headers = httpx.get(f"{shop.api}{path}").headers
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
