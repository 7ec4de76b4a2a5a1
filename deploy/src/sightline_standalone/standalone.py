"""All of Sightline in one process: collector, pipeline, query API, web UI; embedded parts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from sightline_collector.collector import Collector
from sightline_core.bus.opening import open_bus
from sightline_core.clickhouse_http.server import ClickHouseServer
from sightline_core.health import HealthServer
from sightline_core.serving import HttpServer, api_port
from sightline_core.store.client import open_store
from sightline_demo.supervisor import Demo
from sightline_pipeline.dead_letter_desk import keep_dead_letters
from sightline_pipeline.schema import migrate_store
from sightline_pipeline.service import Pipeline
from sightline_pipeline.service_graph import keep_service_graph
from sightline_query_api.app import create_app

if TYPE_CHECKING:
    from types import TracebackType

    from sightline_core.settings import Settings

log = logging.getLogger(__name__)

INGEST_CLIENTS = 3  # two inserts side by side, and the service graph
STOP_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where to find what runs."""

    api: str
    otlp_grpc: str
    otlp_http: str
    demo: str | None
    clickhouse: str | None = None


class Standalone:
    """Everything, started and stopped together.

    Use as an asynchronous context manager; entering returns when all ports answer.
    """

    def __init__(self, settings: Settings, *, demo: bool = False) -> None:
        """Prepare; nothing is opened yet."""
        self.addresses = Addresses("", "", "", None)
        self._settings = settings
        self._demo = demo
        self._stack = contextlib.AsyncExitStack()
        self._ready = False
        self._parts: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Start; on any error, what was started is stopped again.

        Raises:
            ConfigError: a port is in use or cannot be bound.
            StoreError, BusError: the data directory cannot be used or belongs to another process.
        """
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop in the opposite order: no new data, then finish what is under way."""
        self._ready = False
        await self._stack.aclose()

    async def failed(self) -> None:
        """Raise the error of the first part that ends by one; return when all were stopped."""
        # Not gather: who gives up waiting must not cancel the parts.
        ended, _ = await asyncio.wait(self._parts, return_when=asyncio.FIRST_EXCEPTION)
        for part in ended:
            if not part.cancelled():
                part.result()

    def _not_ready(self) -> list[str]:
        return [] if self._ready else ["starting or stopping"]

    async def _start(self) -> None:
        settings, stack = self._settings, self._stack
        listener = api_port(settings).bind()
        stack.callback(listener.close)
        store = await asyncio.to_thread(open_store, settings, ingest_clients=INGEST_CLIENTS)
        stack.callback(store.close)
        await asyncio.to_thread(migrate_store, store, settings)
        bus = open_bus(settings)
        stack.push_async_callback(bus.close)

        clickhouse = await self._serve_store()

        pipeline = Pipeline(bus, store, settings)
        health = HealthServer(
            settings, not_ready=pipeline.not_ready, metrics=pipeline.reporter.metrics
        )
        pipeline.reporter.health_url = health.url
        stack.push_async_callback(health.stop)
        await health.start()
        await pipeline.start()
        stack.push_async_callback(pipeline.stop)
        service_graph = asyncio.create_task(keep_service_graph(store))
        stack.push_async_callback(_cancel, service_graph)
        dead_letters = asyncio.create_task(
            keep_dead_letters(bus, store, settings, pipeline.side_work)
        )
        stack.push_async_callback(_cancel, dead_letters)

        app = create_app(store, bus, settings, ready=self._not_ready)
        server = HttpServer(app, listener, stop_seconds=STOP_SECONDS)
        await server.start()
        stack.push_async_callback(server.stop)
        self._parts = [
            asyncio.create_task(pipeline.wait()),
            service_graph,
            dead_letters,
            asyncio.create_task(server.wait()),
        ]
        collector = Collector(bus, settings)
        await collector.start()
        stack.push_async_callback(collector.stop)
        self._parts.append(asyncio.create_task(collector.wait()))

        otlp_http = _url(settings.host, collector.http_port)
        self._ready = True
        self.addresses = Addresses(
            api=_url(settings.host, listener.getsockname()[1]),
            otlp_grpc=f"{_reachable(settings.host)}:{collector.grpc_port}",
            otlp_http=otlp_http,
            demo=await self._start_demo(otlp_http) if self._demo else None,
            clickhouse=clickhouse,
        )

    async def _serve_store(self) -> str | None:
        if self._settings.clickhouse_http_port is None:
            return None
        server = ClickHouseServer(self._settings)
        await server.start()
        self._stack.push_async_callback(server.stop)
        return _url(self._settings.host, server.port)

    async def _start_demo(self, otlp_http: str) -> str:
        demo = Demo()
        self._stack.push_async_callback(asyncio.to_thread, demo.stop)
        return await asyncio.to_thread(demo.start, otlp_http, self._settings.demo_rate)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _reachable(host: str) -> str:
    return "localhost" if host in {"127.0.0.1", "0.0.0.0", "::", "::1"} else host  # noqa: S104


def _url(host: str, port: int) -> str:
    return f"http://{_reachable(host)}:{port}"
