"""The web app: its files from the package, and index.html for every path that is not the API's."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS: Final = (
    (
        b"content-security-policy",
        (
            b"default-src 'self'; img-src 'self' data:; style-src 'self'; script-src 'self'; "
            b"connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
            b"frame-ancestors 'none'"
        ),
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
)
IMMUTABLE: Final = "public, max-age=31536000, immutable"
NOT_BUILT: Final = """<!doctype html><html lang="en"><title>Sightline</title>
<h1>The web app is not built</h1>
<p>Run <code>make ui</code>, then reload.
The API is there: <a href="/api/v1/openapi.json">openapi.json</a>.</p>
"""


def static_directory() -> Path:
    """Return where `make ui` puts the web app; it may not be there."""
    return Path(str(files("sightline_query_api"))) / "static"


def web_app(directory: Path) -> ASGIApp:
    """Return the app that serves the files in `directory`, or says how to build them."""
    if (directory / "index.html").is_file():
        return _SinglePage(directory=directory, html=True)
    return _not_built


class _SinglePage(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        # Any path but a file's is a page of the app; its last part may be the name of a service,
        # dots and all.
        if not _names_file(path) and not is_for_programs(scope["path"]):
            path = "index.html"
        response = await super().get_response(path, scope)
        hashed = path.startswith("assets/")
        response.headers["cache-control"] = IMMUTABLE if hashed else "no-cache"
        return response


def _names_file(path: str) -> bool:
    """Whether it is where files are: in assets/, or with a suffix at the root."""
    return path.startswith("assets/") or ("/" not in path and "." in path)


async def _not_built(scope: Scope, receive: Receive, send: Send) -> None:
    if is_for_programs(scope["path"]):
        raise HTTPException(404)
    if scope["method"] not in ("GET", "HEAD"):
        raise HTTPException(405, headers={"Allow": "GET"})
    response = HTMLResponse(NOT_BUILT, headers={"cache-control": "no-cache"})
    await response(scope, receive, send)


def is_for_programs(path: str) -> bool:
    """Whether only programs ask for the path, so that the web app must not answer it."""
    return path == "/api" or path.startswith("/api/")


class SecurityHeaders:
    """Adds the headers that keep a page from loading or being loaded by anything foreign."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with the headers added to the response."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        await self._app(scope, receive, send_with_headers)
