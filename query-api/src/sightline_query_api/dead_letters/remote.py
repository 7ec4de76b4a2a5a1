"""The API as commands use it: over HTTP, from any machine that may reach it."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

from sightline_core.errors import ConfigError, SightlineError

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT_SECONDS: Final = 60
POLL_SECONDS: Final = 0.5


class ApiRefused(SightlineError):  # noqa: N818 - says what happened
    """The API answered with a problem, or not at all."""


class Remote:
    """An API at an address like `http://127.0.0.1:8420`."""

    def __init__(self, endpoint: str) -> None:
        """Check the address; nothing is sent yet.

        Raises:
            ConfigError: it is no HTTP address.
        """
        if urlsplit(endpoint).scheme not in ("http", "https"):
            raise ConfigError(f"cannot use endpoint {endpoint}: it must begin with http://")
        self._base = f"{endpoint.rstrip('/')}/api/v1"

    def get(self, path: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """Return an answer; empty parameters are left out.

        Raises:
            ApiRefused: there is none, or it is a problem.
        """
        given = {key: value for key, value in (parameters or {}).items() if value}
        query = f"?{urlencode(given, doseq=True)}" if given else ""
        return self._ask(urllib.request.Request(f"{self._base}{path}{query}"))  # noqa: S310

    def post(self, path: str, body: Mapping[str, Any], key: str | None = None) -> Any:
        """Send a request that changes something; `key` makes it safe to repeat.

        Raises:
            ApiRefused: there is no answer, or it is a problem.
        """
        request = urllib.request.Request(  # noqa: S310 - checked when made
            f"{self._base}{path}",
            data=json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        if key:
            request.add_header("Idempotency-Key", key)
        return self._ask(request)

    def finished(self, redrive_id: str) -> Any:
        """Wait until a redrive or discard is at its end, and return its record.

        Raises:
            ApiRefused: as `get`.
        """
        while (found := self.get(f"/redrives/{redrive_id}"))["state"] in ("waiting", "running"):
            time.sleep(POLL_SECONDS)
        return found

    def _ask(self, request: urllib.request.Request) -> Any:
        # The API is on this machine or inside the network: a proxy is of no use to reach it.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise ApiRefused(_problem(error)) from None
        except (OSError, ValueError) as error:
            why = getattr(error, "reason", error)
            raise ApiRefused(
                f"cannot reach the API at {self._base}: {why}; is `sightline up` running, "
                "and is --endpoint its address?"
            ) from None


def _problem(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["detail"])
    except (OSError, ValueError, KeyError, TypeError):
        return f"cannot use the API: it answered {error.code}"
