"""The collector: OTLP over gRPC and HTTP in, bus out."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
from typing import TYPE_CHECKING, Any, Final

import uvicorn

from sightline_collector import grpc_server
from sightline_collector.http import application
from sightline_collector.http_protocol import BoundedHttpProtocol
from sightline_collector.intake import Intake
from sightline_core.errors import ConfigError
from sightline_core.wire.names import Signal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sightline_collector.stats import Stats
    from sightline_core.bus.protocol import Bus
    from sightline_core.settings import Settings

STOP_SECONDS: Final = 10
"""Time that requests in flight get when the collector stops."""


class Collector:
    """Receives telemetry on two ports and answers success once it is durable on the bus.

    Attributes:
        origin: the name under which its messages are numbered, new with every start.
        grpc_port, http_port: the bound ports, after `start`.
    """

    def __init__(self, bus: Bus, settings: Settings) -> None:
        """Send to `bus`; ports, limits and tenant come from `settings`."""
        self.origin = f"collector-{socket.gethostname()}-{secrets.token_hex(6)}"
        self.grpc_port = 0
        self.http_port = 0
        self._bus = bus
        self._settings = settings
        self._intake = Intake(bus, settings, origin=self.origin)
        self._ready = False
        self._grpc: Any = None
        self._http: _HttpServer | None = None
        self._serving: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether both ports take requests."""
        return self._ready

    def stats(self) -> Stats:
        """Return the live counters."""
        return self._intake.stats

    async def start(self) -> None:
        """Create the topics, bind both ports and serve.

        Raises:
            ConfigError: a port cannot be bound; names it and its setting.
            BusError: the topics cannot be created.
        """
        for signal in Signal:
            await self._bus.create_topic(signal.topic, partitions=self._settings.bus_partitions)
        listener = self._listen_http()
        try:
            await self._start_grpc()
        except BaseException:
            listener.close()
            raise
        config = uvicorn.Config(
            application(self._intake, ready=lambda: self._ready),
            http=BoundedHttpProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        self._http = _HttpServer(config)
        self._serving = asyncio.create_task(self._http.serve([listener]), name="otlp-http")
        self._ready = True

    async def stop(self) -> None:
        """Take no more requests, finish those in flight, at most `STOP_SECONDS`. Safe to repeat."""
        self._ready = False
        if self._http is not None:
            self._http.should_exit = True
        if self._grpc is not None:
            await self._grpc.stop(STOP_SECONDS)
            self._grpc = None
        if self._serving is not None:
            await self._serving
            self._serving = None

    def _listen_http(self) -> socket.socket:
        listener = self._bind("OTLP/HTTP", self._settings.otlp_http_port)
        self.http_port = listener.getsockname()[1]
        return listener

    async def _start_grpc(self) -> None:
        port = self._settings.otlp_grpc_port
        # gRPC opens its own socket and says little when it cannot; ask the system first.
        self._bind("OTLP/gRPC", port).close()
        host = self._settings.host
        server = grpc_server.server(self._intake)
        try:
            self.grpc_port = server.add_insecure_port(
                f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            )
        except RuntimeError as error:
            raise _cannot_listen("OTLP/gRPC", host, port, str(error)) from error
        await server.start()
        self._grpc = server

    def _bind(self, protocol: str, port: int) -> socket.socket:
        host = self._settings.host
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            return socket.create_server((host, port), family=family, backlog=2048)
        except OSError as error:
            why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
            raise _cannot_listen(protocol, host, port, why) from error


class _HttpServer(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process: it decides in which order its parts stop."""
        yield


def _cannot_listen(protocol: str, host: str, port: int, why: str) -> ConfigError:
    setting = f"SIGHTLINE_{protocol.upper().replace('/', '_')}_PORT"
    return ConfigError(
        f"cannot listen on {host}:{port} for {protocol}: {why}; "
        f"stop what uses it or set {setting} to another port (0 takes any)"
    )
