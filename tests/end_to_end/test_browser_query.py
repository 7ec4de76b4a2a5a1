"""Writing a query with the keyboard, and charts that nobody points at."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from tests.end_to_end.odd_traces import bushy, send_trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page
    from tests.end_to_end.running import Running
    from tests.end_to_end.watched import Watched

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def sent(plain: Running) -> str:
    return send_trace(plain, bushy(120))


def marked(page: Page) -> Any:
    """Return the text of the suggestion that assistive technology is told about."""
    return page.evaluate(
        "document.getElementById(document.activeElement.getAttribute('aria-activedescendant'))"
        "?.firstElementChild.textContent ?? null"
    )


def test_a_query_is_completed_with_the_keyboard(
    plain: Running, sent: str, watch: Callable[..., Watched]
) -> None:
    watched = watch(plain)
    page = watched.open("/traces")
    box = page.get_by_role("combobox", name="Query")
    offered = page.locator(".query-options [role=option]")
    page.keyboard.press("/")

    page.keyboard.type("htt")
    offered.filter(has_text="http.route").wait_for()
    assert (box.get_attribute("aria-expanded"), marked(page)) == ("true", None)
    page.keyboard.press("ArrowDown")
    assert marked(page) == "http.route"
    page.keyboard.press("Enter")
    assert box.input_value() == "http.route:"

    offered.filter(has_text=re.compile("^/items/")).first.wait_for()
    page.keyboard.type("/items/49")
    offered.filter(has_text=re.compile("^/items/49$")).wait_for()
    offered.nth(1).wait_for(state="detached")
    page.keyboard.press("Tab")
    assert box.input_value() == "http.route:/items/49 "

    page.keyboard.type("stat")
    offered.filter(has_text=re.compile("^status")).first.wait_for()
    page.keyboard.press("Escape")
    offered.first.wait_for(state="detached")
    for _ in "stat":
        page.keyboard.press("Backspace")
    page.keyboard.press("Enter")
    watched.see(f'a.trace-item[href*="{sent}"]')
    assert "http.route" in page.url


def test_fields_of_resources_are_named_as_queries_name_them(
    plain: Running, sent: str, watch: Callable[..., Watched]
) -> None:
    assert sent
    page = watch(plain).open("/traces")
    page.keyboard.press("/")
    page.keyboard.type("service-is-no-field:")
    page.get_by_role("combobox", name="Query").fill("resource.serv")
    page.locator(".query-options [role=option]", has_text="resource.service.name").click()
    box = page.get_by_role("combobox", name="Query")
    assert box.input_value() == "resource.service.name:"
    page.locator(".query-options [role=option]", has_text="service-00").click()
    assert box.input_value() == "resource.service.name:service-00 "


def test_a_legend_tells_the_newest_values_until_something_is_pointed_at(
    plain: Running, sent: str, watch: Callable[..., Watched]
) -> None:
    assert sent
    page = watch(plain).open("/services/service-00")
    legend = page.locator(".u-legend").first
    legend.wait_for()
    newest = legend.inner_text()
    assert "--" not in newest
    chart = page.locator(".u-over").first
    chart.hover(position={"x": 3, "y": 20})
    page.wait_for_function(
        "was => document.querySelector('.u-legend').innerText !== was", arg=newest
    )
    page.mouse.move(1, 1)
    page.wait_for_function(
        "was => document.querySelector('.u-legend').innerText === was", arg=newest
    )
