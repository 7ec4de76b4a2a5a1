"""Somebody works with dead letters in the browser, and from the command line."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.end_to_end.letters import HOSTILE, ORDERS, SECRET, SPANS, TOPICS, bury
from tests.end_to_end.running import Running
from typer.testing import CliRunner

from sightline_core.errors import SightlineError
from sightline_query_api.dead_letters.commands import dlq as commands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.end_to_end.watched import Watched

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Sightline with dead letters of its own and of an application."""
    data = tmp_path_factory.mktemp("letters") / "data"
    with ThreadPoolExecutor(1) as other:  # the browser's loop has this thread
        other.submit(asyncio.run, bury(data)).result()
    with Running(data, settings=TOPICS) as running:
        running.wait(
            lambda: len(running.get("/dead-letters")["items"]) == ORDERS + SPANS, "the index"
        )
        yield running


@dataclass(frozen=True)
class Ended:
    returncode: int
    stdout: str
    stderr: str


def dlq(running: Running, *arguments: str) -> Ended:
    """Run `sightline dlq` here: a process of its own takes seconds to start."""
    known = {"SIGHTLINE_API_ENDPOINT": running.api, "COLUMNS": "200"}
    ended = CliRunner().invoke(commands, arguments, env=known)
    said = str(ended.exception) if isinstance(ended.exception, SightlineError) else ""
    return Ended(ended.exit_code, ended.stdout, ended.stderr + said)


def test_one_is_understood_tried_and_sent_again(
    shop: Running, watch: Callable[..., Watched]
) -> None:
    watched = watch(shop)
    page = watched.open("/dead-letters")
    watched.see(".letter-groups tbody tr", "no price for article <n>")
    assert page.locator(".letter-groups tbody tr").count() == 2
    page.keyboard.press("j")
    page.locator("[data-row]", has_text="engine_32").click()
    watched.see(".letter h2", "read after eof")
    watched.see(".warnings", "127 bytes announced")
    watched.see(".letter .tree", "POST /order")
    watched.see(".letter a", "000000000000000")
    assert watched.foreign_elements() == []

    page.locator(".letter-row input").first.check()
    page.get_by_role("button", name="Send 1 again…").click()
    page.get_by_role("button", name="Add a step").click()
    page.get_by_role("button", name="Try it without sending").click()
    watched.see(".tried", "Would send 1 to otlp_spans")
    page.get_by_role("button", name="Send 1 again", exact=True).click()
    watched.see(".redrive-progress", "Redrive done: 1 of 1 sent again")
    page.keyboard.press("Escape")
    watched.see(".letter-row .tag", "redriven")
    shop.wait(lambda: shop.get("/traces", service="till")["items"], "the span")
    watched.open("/dead-letters")
    watched.see("h2", "What was done")
    assert watched.overflow() == 0


def test_one_is_edited_by_hand(shop: Running, watch: Callable[..., Watched]) -> None:
    watched = watch(shop, theme="dark")
    page = watched.open("/dead-letters?q=price")
    page.locator("[data-row]").first.click()
    watched.see(".letter .tree", "customer")
    assert SECRET not in page.content()
    page.get_by_role("button", name="Show secrets and bytes").click()
    watched.see(".hex", "00000000  7b 22")
    watched.see(".letter .tree", SECRET)
    page.get_by_role("button", name="Edit", exact=True).click()
    page.get_by_label("Edited value").fill("{ no json")
    page.get_by_role("button", name="Send it like this…").click()
    watched.see(".bad", "SyntaxError")
    page.get_by_label("Edited value").fill('{"number": 1, "price": 3}')
    page.get_by_role("button", name="Send it like this…").click()
    page.get_by_role("button", name="Try it without sending").click()
    page.get_by_role("button", name="Send 1 again", exact=True).click()
    watched.see(".redrive-progress", "done: 1 of 1")
    page.keyboard.press("Escape")
    assert watched.foreign_elements() == []


def test_the_rest_is_discarded_with_a_reason(shop: Running, watch: Callable[..., Watched]) -> None:
    watched = watch(shop, width=390, height=844)
    page = watched.open("/dead-letters")
    assert watched.overflow() == 0
    page.locator("[data-row]", has_text="no price").click()
    watched.see(".letter h2")
    assert watched.overflow() == 0
    page.get_by_role("button", name="Discard all dead…").click()
    assert page.get_by_role("button", name="Discard", exact=True).is_disabled()
    page.get_by_label("Why").fill("orders of a test")
    page.get_by_role("button", name="Discard", exact=True).click()
    watched.see(".redrive-progress", "Discard done")
    page.keyboard.press("Escape")
    watched.open("/dead-letters")
    watched.see("td", "orders of a test")


def test_the_command_line_does_the_same(shop: Running) -> None:
    listed = dlq(shop, "list", "--output", "json")
    assert listed.returncode == 0, listed.stderr
    (group,) = json.loads(listed.stdout)["items"]
    assert "engine_32" in dlq(shop, "list").stdout
    (letter, *_) = json.loads(dlq(shop, "list", "--letters", "--output", "json").stdout)["items"]
    shown = dlq(shop, "show", letter["id"], "--reveal")
    assert "breaks at byte" in shown.stdout
    assert HOSTILE in shown.stdout
    assert "00000000  0a" in shown.stdout

    tried = dlq(shop, "redrive", "--group", group["fingerprint"], "--clamp-time", "--dry-run")
    assert tried.returncode == 1
    assert "add the step salvage" in tried.stdout
    mended = ("redrive", "--group", group["fingerprint"], "--salvage")
    assert dlq(shop, *mended).returncode == 1, "without a terminal, it must not go on by itself"
    sent = dlq(shop, *mended, "--yes", "--output", "json")
    assert sent.returncode == 0, sent.stderr
    assert json.loads(sent.stdout)["done"] == group["letters"]
    assert dlq(shop, *mended, "--yes").returncode == 3
    assert dlq(shop, "list").returncode == 3
    assert "redrive" in dlq(shop, "history").stdout
    bad = dlq(shop, "list", "--since", "yesterday")
    assert (bad.returncode, "neither RFC 3339" in bad.stderr) == (1, True)
    away = dlq(shop, "list", "--endpoint", "http://127.0.0.1:9")
    assert (away.returncode, "cannot reach the API" in away.stderr) == (1, True)
    assert "Example:" in dlq(shop, "redrive", "--help").stdout
