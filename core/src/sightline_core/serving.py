"""HTTP servers inside a program that owns its ports, its signals and the order of its end.

Needs uvicorn, which is not in the `core` extra: only components that serve HTTP import this.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sightline_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sightline_core.settings import Settings

MAX_HEAD_BYTES: Final = 64 << 10
"""Request line and headers, and once more trailers."""
_PER_FIELD: Final = 64
"""What a header costs besides its characters."""


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


class BoundedHttpProtocol(HttpToolsProtocol):
    """The HTTP parser with a bound that uvicorn's has not: how much is said before the body.

    Answers 400 and hangs up when a request's head exceeds `max_head_bytes`; without it, headers,
    URL and trailers of any size are kept in memory. A head that comes in one piece with what
    precedes it may be larger by one read (256 KiB).
    """

    max_head_bytes: ClassVar[int] = MAX_HEAD_BYTES
    _unfinished_head = 0
    _fields = 0
    _in_head = False

    def on_message_begin(self) -> None:
        """Start counting."""
        super().on_message_begin()
        self._unfinished_head = self._fields = 0
        self._in_head = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a complete header or trailer.

        Raises:
            ValueError: too many; the parser turns it into a parse error.
        """
        self._fields += len(name) + len(value) + _PER_FIELD
        if self._fields > self.max_head_bytes:
            raise ValueError("too many headers")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Stop counting: what follows is the body."""
        self._in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Feed the parser; count what it keeps of a head that has no end yet."""
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._unfinished_head += len(data)
            if self._unfinished_head > self.max_head_bytes:
                self.send_400_response("Request head too large.")


class HttpServer:
    """An ASGI app on a bound socket, from `start` to `stop`."""

    def __init__(
        self,
        app: Any,
        listener: socket.socket,
        *,
        stop_seconds: int,
        http: type[BoundedHttpProtocol] = BoundedHttpProtocol,
    ) -> None:
        """Prepare; `stop_seconds` is what requests in flight get, `http` bounds their heads."""
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
