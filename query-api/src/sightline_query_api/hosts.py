"""The API answers only under names that are its own.

A page elsewhere can let its own name point to this machine (DNS rebinding); the browser then takes
the API for a part of that page, and hands over what it reads. What it cannot do is ask for another
name than its own. So a request must name an address, which no page can take over, or a known name.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from sightline_query_api.problems import problem_response
from sightline_query_api.web import is_for_programs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

ANY: Final = "*"
LOCAL: Final = "localhost"


class AllowedHosts:
    """Refuses requests to the API under a name that is not allowed; probes and pages are free."""

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        """Wrap `app`; `names` are allowed besides addresses and `localhost`, `*` allows all."""
        self._app = app
        self._names = frozenset(name.lower().removesuffix(".") for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer with 421."""
        app = self._app
        if scope["type"] == "http" and is_for_programs(scope["path"]):
            given = Headers(scope=scope).getlist("host")
            if any(not self._allows(host) for host in given):
                app = problem_response(
                    421,
                    "unknown-host",
                    f"cannot answer as {given[0][:200]!r}: that is not a name of this Sightline; "
                    "use its address, or add the name to the setting api_allowed_hosts",
                )
        await app(scope, receive, send)

    def _allows(self, host: str) -> bool:
        if ANY in self._names:
            return True
        try:
            name = (urlsplit(f"//{host}").hostname or "").removesuffix(".")
        except ValueError:
            return False
        return (
            name in self._names or name == LOCAL or name.endswith(f".{LOCAL}") or _is_address(name)
        )


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
