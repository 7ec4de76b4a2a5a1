"""A running Sightline with the demo, one without, and a browser; each started once."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from tests.end_to_end.running import Running
from tests.end_to_end.watched import Watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Sightline with the demo shop and its shoppers."""
    data = tmp_path_factory.mktemp("shop") / "data"
    with Running(data, "--demo", "--demo-rate", "5") as running:
        yield running


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Sightline alone; tests add to it."""
    with Running(tmp_path_factory.mktemp("plain") / "data") as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser of the system."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only browser tests need it

    named = os.environ.get("SIGHTLINE_CHROMIUM")
    found = named or next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    assert found, "Chromium is missing: run scripts/install-browser"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def watch(chromium: Browser) -> Iterator[Callable[..., Watched]]:
    """Open pages that must stay without errors and foreign requests until the test ends."""
    opened: list[Watched] = []

    def watch(
        running: Running, width: int = 1280, height: int = 800, theme: str = "light"
    ) -> Watched:
        context = chromium.new_context(
            base_url=running.api,
            viewport={"width": width, "height": height},
            color_scheme="dark" if theme == "dark" else "light",
        )
        opened.append(Watched(context.new_page(), running.api))
        return opened[-1]

    yield watch
    problems = [problem for one in opened for problem in one.problems]
    for one in opened:
        one.page.context.close()
    assert not problems
