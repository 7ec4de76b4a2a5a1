"""The port of ClickHouse's HTTP interface, from start to stop."""

from __future__ import annotations

import asyncio
import ipaddress
import os
from typing import TYPE_CHECKING, ClassVar, Final

from sightline_core.clickhouse_http.app import ClickHouseHttp, Limits
from sightline_core.clickhouse_http.body import Room
from sightline_core.clickhouse_http.engine import Engine
from sightline_core.errors import ConfigError
from sightline_core.serving import BoundedHttpProtocol, HttpServer, Port
from sightline_core.store.schema_files import SchemaFiles

if TYPE_CHECKING:
    from pathlib import Path

    from sightline_core.settings import Settings

STOP_SECONDS: Final = 30
"""Time that statements under way get when the server stops."""


class WideHead(BoundedHttpProtocol):
    """Statements, parameters and format schemas come in the URL."""

    max_head_bytes: ClassVar[int] = 1 << 20


class ClickHouseServer:
    """Serves the embedded engine of this process to others.

    Attributes:
        port: the bound port, after `start`.
    """

    def __init__(self, settings: Settings, *, writable: bool | None = None) -> None:
        """Prepare; `writable` wins over the settings.

        Raises:
            ConfigError: it would be open to the network without a password, or the store is not
                in this process.
        """
        if settings.clickhouse_url is not None:
            raise ConfigError(
                "cannot serve the store here: SIGHTLINE_CLICKHOUSE_URL names one elsewhere; "
                "unset that or SIGHTLINE_CLICKHOUSE_HTTP_PORT"
            )
        self.port = 0
        self._settings = settings
        self._writable = settings.clickhouse_http_writable if writable is None else writable
        self._server: HttpServer | None = None
        self._app: ClickHouseHttp | None = None
        self._engine: Engine | None = None
        if not settings.clickhouse_http_password.get_secret_value() and not _loopback(
            settings.host
        ):
            raise ConfigError(
                f"cannot serve the store on {settings.host} without a password: set "
                "SIGHTLINE_CLICKHOUSE_HTTP_PASSWORD, or bind to 127.0.0.1"
            )

    async def start(self) -> None:
        """Bind and answer; the store of these settings must be open in this process.

        Raises:
            ConfigError: the port is in use.
        """
        settings = self._settings
        listener = clickhouse_port(settings).bind()
        try:
            await asyncio.to_thread(self._open, settings.data_dir.absolute())
        except BaseException:
            listener.close()
            raise
        self.port = listener.getsockname()[1]
        self._server = HttpServer(self._app, listener, stop_seconds=STOP_SECONDS, http=WideHead)
        await self._server.start()

    async def wait(self) -> None:
        """Return when it was stopped; raise the error when it ended by one."""
        if self._server is not None:
            await self._server.wait()

    async def stop(self) -> None:
        """Take no more requests, finish those under way, let go of the engine. Safe to repeat."""
        if self._server is not None:
            await self._server.stop()
        await asyncio.to_thread(self._close)

    def _open(self, data_dir: Path) -> None:
        settings = self._settings
        self._engine = Engine(engine_directory(data_dir))
        self._app = ClickHouseHttp(
            self._engine,
            Room(data_dir / "http"),
            SchemaFiles(data_dir / "schemas"),
            Limits(
                password=settings.clickhouse_http_password.get_secret_value(),
                writable=self._writable,
                max_queries=settings.clickhouse_http_max_queries,
                max_seconds=settings.clickhouse_http_max_seconds,
                max_body_bytes=settings.clickhouse_http_max_body_bytes,
            ),
        )

    def _close(self) -> None:
        if self._app is not None:
            self._app.close()
        if self._engine is not None:
            self._engine.close()


def engine_directory(data_dir: Path) -> Path:
    """Return where the engine keeps its files, spelled as its other handles spell it."""
    return data_dir.__class__(os.path.realpath(data_dir / "store"))


def clickhouse_port(settings: Settings) -> Port:
    """Return the port of the settings; 0, any free one, when none is set."""
    return Port(
        settings.host,
        settings.clickhouse_http_port or 0,
        "ClickHouse's HTTP interface",
        "choose another port with SIGHTLINE_CLICKHOUSE_HTTP_PORT",
    )


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
