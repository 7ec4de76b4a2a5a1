"""The collector: OTLP over gRPC and HTTP in, bus out."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
from typing import TYPE_CHECKING, Any, Final

from sightline_collector import grpc_server
from sightline_collector.http import application
from sightline_collector.intake import Intake
from sightline_collector.self_report import SelfReport
from sightline_core.serving import HttpServer, Port
from sightline_core.wire.names import Signal

if TYPE_CHECKING:
    from sightline_collector.stats import Stats
    from sightline_core.bus.protocol import Bus
    from sightline_core.settings import Settings

log = logging.getLogger(__name__)

STOP_SECONDS: Final = 10
"""Time that requests in flight get when the collector stops."""
ABANDONED_SECONDS: Final = 5
"""Time that bus writes get afterwards whose callers did not wait for them."""


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
        self._http: HttpServer | None = None
        self._serving: list[asyncio.Task[Any]] = []
        self._self_report = SelfReport(self._intake, origin=self.origin)
        self._reporting: asyncio.Task[None] | None = None

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
        listener = self._port("OTLP/HTTP", self._settings.otlp_http_port).bind()
        self.http_port = listener.getsockname()[1]
        try:
            await self._start_grpc()
        except BaseException:
            listener.close()
            raise
        self._http = HttpServer(
            application(self._intake, ready=lambda: self._ready),
            listener,
            stop_seconds=STOP_SECONDS,
        )
        await self._http.start()
        # Tasks of their own: a cancelled wait for gRPC's end would break its stop.
        self._serving = [
            asyncio.create_task(self._http.wait()),
            asyncio.create_task(self._grpc.wait_for_termination()),
        ]
        self._reporting = asyncio.create_task(
            self._self_report.run(self._settings.self_report_seconds)
        )
        self._ready = True

    async def wait(self) -> None:
        """Return when it was stopped; raise the error when serving one of its ports ended by one.

        To be awaited after `start`. Cancelling it stops nothing.
        """
        ended, _ = await asyncio.wait(self._serving, return_when=asyncio.FIRST_EXCEPTION)
        self._ready = False
        for port in ended:
            port.result()

    async def stop(self) -> None:
        """Take no more requests and finish those in flight, at most `STOP_SECONDS`.

        Then finish the bus writes whose callers went away, at most `ABANDONED_SECONDS`, so that
        the bus can be closed without one of them in doubt. Safe to repeat.
        """
        self._ready = False
        await asyncio.gather(self._stop_http(), self._stop_grpc())
        if left := await self._intake.finish(ABANDONED_SECONDS):
            log.warning(
                "cannot finish %d bus writes whose callers went away: the bus takes longer than "
                "%d s; whether they are stored is open, and nobody was told that they are",
                left,
                ABANDONED_SECONDS,
            )
        await self._stop_reporting()

    async def _stop_reporting(self) -> None:
        if self._reporting is not None:
            self._reporting.cancel()
            await asyncio.gather(self._reporting, return_exceptions=True)
            self._reporting = None
            await self._self_report.last()

    async def _stop_http(self) -> None:
        if self._http is not None:
            await self._http.stop()
            self._http = None

    async def _stop_grpc(self) -> None:
        if self._grpc is not None:
            await self._grpc.stop(STOP_SECONDS)
            self._grpc = None

    async def _start_grpc(self) -> None:
        port = self._port("OTLP/gRPC", self._settings.otlp_grpc_port)
        # gRPC opens its own socket and says little when it cannot; ask the system first.
        port.bind().close()
        server = grpc_server.server(self._intake)
        host = f"[{port.host}]" if ":" in port.host else port.host
        try:
            self.grpc_port = server.add_insecure_port(f"{host}:{port.number}")
        except RuntimeError as error:
            raise port.refused(str(error)) from error
        await server.start()
        self._grpc = server

    def _port(self, protocol: str, number: int) -> Port:
        setting = f"SIGHTLINE_{protocol.upper().replace('/', '_')}_PORT"
        way_out = f"stop what uses it or set {setting} to another port (0 takes any)"
        return Port(self._settings.host, number, protocol, way_out)
