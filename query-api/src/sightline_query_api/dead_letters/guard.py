"""What changes something must come from this web app or a program, not from some page elsewhere.

A foreign page can make a browser send a form here, but not JSON: for that the browser asks first,
and nothing here answers that it may. Browsers also say where a request comes from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from fastapi.routing import APIRoute

from sightline_query_api.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from starlette.requests import Request
    from starlette.responses import Response

MOST_BYTES: Final = 16 << 20


class GuardedRoute(APIRoute):
    """A route whose requests are checked before their body is read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler behind the guard."""
        handler = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            if request.method not in ("GET", "HEAD"):
                check_change(request)
            return await handler(request)

        return guarded


def check_change(request: Request) -> None:
    """Let a changing request pass.

    Raises:
        Problem: it is not JSON, too large, or comes from a page elsewhere.
    """
    headers = request.headers
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "not-json", "cannot take this: send it as content-type application/json")
    length = headers.get("content-length", "")
    if not length.isdigit() or len(length) > 12:
        raise Problem(411, "length-required", "cannot take this: say its content-length")
    if int(length) > MOST_BYTES:
        raise Problem(413, "too-large", f"cannot take this: it is larger than {MOST_BYTES} bytes")
    origin = headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc != headers.get("host")
    if foreign or headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise Problem(
            403, "foreign-origin", "cannot take this: it comes from a page that is not Sightline's"
        )
