"""The embedded engine as a process of its own, for pipelines and APIs that run in others."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Final

from sightline_core.clickhouse_http.server import ClickHouseServer
from sightline_core.store.client import open_store
from sightline_pipeline.schema import migrate_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from sightline_core.settings import Settings

USUAL_PORT: Final = 8123


async def run_store(settings: Settings, ready: Callable[[str], object]) -> None:
    """Open, migrate and serve the store until SIGINT or SIGTERM; statements under way end first.

    Args:
        settings: the directory, the port (8123 unless set), the password.
        ready: is told the address as soon as it answers.

    Raises:
        ConfigError: the port cannot be had, or would be open to the network without a password.
        StoreError: the directory cannot be used or belongs to another process.
    """
    if settings.clickhouse_http_port is None:
        settings = settings.model_copy(update={"clickhouse_http_port": USUAL_PORT})
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    server = ClickHouseServer(settings, writable=True)
    store = await asyncio.to_thread(open_store, settings, ingest_clients=1, query_clients=1)
    try:
        await asyncio.to_thread(migrate_store, store, settings)
        await server.start()
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        ready(f"http://{host}:{server.port}")
        await _until(told, server)
    finally:
        await server.stop()
        store.close()


async def _until(told: asyncio.Event, server: ClickHouseServer) -> None:
    stopping = asyncio.create_task(told.wait())
    failed = asyncio.create_task(server.wait())
    await asyncio.wait({stopping, failed}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    await server.stop()
    await failed
