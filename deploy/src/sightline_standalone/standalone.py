"""All of Sightline in one process: collector, pipeline, query API, web UI; embedded parts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import uvicorn

from sightline_collector.collector import Collector
from sightline_core.bus.embedded import EmbeddedBus
from sightline_core.errors import ConfigError
from sightline_core.store.client import open_store
from sightline_demo.supervisor import Demo
from sightline_pipeline.schema import migrate_store
from sightline_pipeline.service import Pipeline
from sightline_pipeline.service_graph import keep_service_graph
from sightline_query_api.app import create_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterator
    from types import TracebackType

    from starlette.types import ASGIApp

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
        """Wait; returns only by raising the error of a part that ended by itself."""
        await asyncio.gather(*self._parts)

    def _not_ready(self) -> list[str]:
        return [] if self._ready else ["starting or stopping"]

    async def _start(self) -> None:
        settings, stack = self._settings, self._stack
        listener = _listen(settings)
        stack.callback(listener.close)
        store = await asyncio.to_thread(open_store, settings, ingest_clients=INGEST_CLIENTS)
        stack.callback(store.close)
        await asyncio.to_thread(migrate_store, store, settings)
        bus = EmbeddedBus.from_settings(settings)
        stack.push_async_callback(bus.close)

        pipeline = Pipeline(bus, store, settings)
        await pipeline.start()
        stack.push_async_callback(pipeline.stop)
        self._parts = [asyncio.create_task(pipeline.wait())]
        await stack.enter_async_context(_background(keep_service_graph(store)))

        app = create_app(store, bus, settings, ready=self._not_ready)
        await stack.enter_async_context(_serving(app, listener))
        collector = Collector(bus, settings)
        await collector.start()
        stack.push_async_callback(collector.stop)

        otlp_http = _url(settings.host, collector.http_port)
        self._ready = True
        self.addresses = Addresses(
            api=_url(settings.host, listener.getsockname()[1]),
            otlp_grpc=f"{_reachable(settings.host)}:{collector.grpc_port}",
            otlp_http=otlp_http,
            demo=await self._start_demo(otlp_http) if self._demo else None,
        )

    async def _start_demo(self, otlp_http: str) -> str:
        demo = Demo()
        self._stack.push_async_callback(asyncio.to_thread, demo.stop)
        return await asyncio.to_thread(demo.start, otlp_http, self._settings.demo_rate)


def _listen(settings: Settings) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.api_port))
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"cannot listen on {settings.host}:{settings.api_port}: {error.strerror}; "
            "choose another port with --port or SIGHTLINE_API_PORT"
        ) from error
    return listener


class _Server(uvicorn.Server):
    """Leaves signals to the program around it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install nothing."""
        yield


@contextlib.asynccontextmanager
async def _serving(app: ASGIApp, listener: socket.socket) -> AsyncIterator[None]:
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve([listener]))
    while not server.started:
        await asyncio.wait({task}, timeout=0.01)
        if task.done():
            task.result()
    try:
        yield
    finally:
        server.should_exit = True
        await task


@contextlib.asynccontextmanager
async def _background(work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _reachable(host: str) -> str:
    return "localhost" if host in {"127.0.0.1", "0.0.0.0", "::", "::1"} else host  # noqa: S104


def _url(host: str, port: int) -> str:
    return f"http://{_reachable(host)}:{port}"
