"""HTTP servers inside a program that owns its ports, its signals and the order of its end.

Needs uvicorn, which is not in the `core` extra: only components that serve HTTP import this.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import uvicorn

from sightline_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sightline_core.settings import Settings


@dataclass(frozen=True, slots=True)
class Port:
    """A port to listen on, 0 for any free one.

    Attributes:
        purpose: what listens there, for people.
        way_out: what to do when the port cannot be had, for people.
    """

    host: str
    number: int
    purpose: str
    way_out: str

    def bind(self) -> socket.socket:
        """Return a socket that is bound and does not listen yet.

        Raises:
            ConfigError: the port is in use, or the host is no address of this machine.
        """
        listener = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self.host, self.number))
        except OSError as error:
            listener.close()
            raise self.refused(error.strerror or str(error)) from error
        return listener

    def refused(self, why: str) -> ConfigError:
        """Return the error that says so."""
        return ConfigError(
            f"cannot listen on {self.host}:{self.number} for {self.purpose}: {why}; {self.way_out}"
        )


def api_port(settings: Settings) -> Port:
    """Return the port of the query API and the web app."""
    return Port(
        settings.host,
        settings.api_port,
        "the API",
        "choose another port with --port or SIGHTLINE_API_PORT",
    )


class HttpServer:
    """An ASGI app on a bound socket, from `start` to `stop`."""

    def __init__(
        self, app: Any, listener: socket.socket, *, stop_seconds: int, http: Any = "auto"
    ) -> None:
        """Prepare; `stop_seconds` is what requests in flight get, `http` uvicorn's protocol."""
        self._listener = listener
        self._task: asyncio.Task[None] | None = None
        self._server = _Server(
            uvicorn.Config(
                app,
                http=http,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=stop_seconds,
            )
        )

    async def start(self) -> None:
        """Return when it answers."""
        self._task = asyncio.create_task(self._server.serve([self._listener]))
        while not self._server.started:
            await asyncio.wait({self._task}, timeout=0.01)
            if self._task.done():
                self._task.result()

    async def wait(self) -> None:
        """Return when it was stopped; raise the error when it ended by one."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def stop(self) -> None:
        """Take no more requests and finish those in flight. Safe to repeat."""
        self._server.should_exit = True
        if self._task is None:
            return
        await asyncio.wait({self._task})
        if self._server.started and not self._task.cancelled() and self._task.exception():
            # It ended in the middle: nothing has closed its sockets yet.
            await self._server.shutdown([self._listener])


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the program: it decides in which order its parts stop."""
        yield
