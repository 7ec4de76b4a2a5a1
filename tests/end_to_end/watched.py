"""A browser page that remembers everything that went wrong on it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Dialog, Page, Request, Response

FRAMES = """
seconds => new Promise(done => {
    const box = document.querySelector('.waterfall-scroll');
    const times = [];
    let last = performance.now(), step = 200;
    const end = last + seconds * 1000;
    const frame = now => {
        times.push(now - last);
        last = now;
        if (box.scrollTop + box.clientHeight >= box.scrollHeight - 1) step = -200;
        if (box.scrollTop <= 0) step = 200;
        box.scrollTop += step;
        if (now < end) requestAnimationFrame(frame); else done(times.slice(2));
    };
    requestAnimationFrame(frame);
})"""
FOREIGN = "img, iframe, object, embed, base, script:not([src^='/assets/'])"


class Watched:
    """A page of the web app at `origin`."""

    def __init__(self, page: Page, origin: str) -> None:
        """Listen from the first request on."""
        self.page = page
        self.problems: list[str] = []
        self._origin = origin
        page.on("console", self._console)
        page.on("pageerror", lambda error: self._note(f"page error: {error}"))
        page.on("dialog", self._dialog)
        page.on("request", self._request)
        page.on("requestfailed", self._failed)
        page.on("response", self._response)

    def open(self, path: str) -> Page:
        """Load a page of the app and wait until it asks for nothing more."""
        self.page.goto(path)
        self.settle()
        return self.page

    def settle(self) -> None:
        """Wait until nothing is loading."""
        self.page.wait_for_load_state("networkidle")
        self.page.locator(".state-loading").wait_for(state="detached")

    def see(self, selector: str, text: str | None = None) -> Any:
        """Wait until the first such element is visible, and return it."""
        found = self.page.locator(selector)
        if text is not None:
            found = found.filter(has_text=text)
        found.first.wait_for(state="visible")
        return found.first

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        root = "document.documentElement"
        return int(self.page.evaluate(f"{root}.scrollWidth - {root}.clientWidth"))

    def foreign_elements(self) -> list[str]:
        """Return the elements that only injected markup could have made."""
        found: list[str] = self.page.evaluate(
            f"[...document.querySelectorAll(`{FOREIGN}`)].map(one => one.outerHTML.slice(0, 200))"
        )
        return found

    def dangerous_links(self) -> list[str]:
        """Return the links that lead anywhere but to this app."""
        found: list[str] = self.page.evaluate(
            "[...document.querySelectorAll('a[href]')].map(one => one.href)"
            f".filter(href => !href.startsWith('{self._origin}/'))"
        )
        return found

    def opening_times(self, path: str, selector: str, text: str, runs: int) -> list[int]:
        """Open a page several times; return the milliseconds until such an element was visible."""
        times = []
        for _ in range(runs):
            self.page.goto("about:blank")
            start = time.monotonic()
            self.page.goto(path, wait_until="commit")
            self.see(selector, text)
            times.append(round((time.monotonic() - start) * 1000))
        return times

    def frame_times(self, seconds: float) -> list[float]:
        """Scroll the waterfall at each frame; return milliseconds between frames, sorted."""
        times: list[float] = self.page.evaluate(FRAMES, seconds)
        return sorted(times)

    def _note(self, problem: str) -> None:
        self.problems.append(f"{self.page.url}: {problem}")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self._note(f"console {message.type}: {message.text}")

    def _dialog(self, dialog: Dialog) -> None:
        self._note(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, request: Request) -> None:
        if not request.url.startswith((f"{self._origin}/", "data:")):
            self._note(f"foreign request: {request.url}")

    def _failed(self, request: Request) -> None:
        # The app itself gives up requests whose answer nobody waits for any more.
        if request.failure != "net::ERR_ABORTED":
            self._note(f"failed request: {request.url}: {request.failure}")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self._note(f"answer {response.status}: {response.url}")
