"""The pipeline as a process of its own: `sightline pipeline`, as many as there are partitions."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from typing import TYPE_CHECKING

from sightline_core.bus.opening import open_bus
from sightline_core.bus.protocol import TopicPartition
from sightline_core.health import HealthServer
from sightline_core.store.client import open_store
from sightline_core.wire.names import Signal
from sightline_pipeline.dead_letter_desk import keep_dead_letters
from sightline_pipeline.schema import migrate_store
from sightline_pipeline.service import Pipeline
from sightline_pipeline.service_graph import keep_service_graph

if TYPE_CHECKING:
    from collections.abc import Callable

    from sightline_core.bus.protocol import Bus
    from sightline_core.settings import Settings
    from sightline_core.store.client import Store

log = logging.getLogger(__name__)

OTHER_CLIENTS = 2
"""Of the store: for reports, dead letters and the service graph."""


async def run_pipeline(settings: Settings, started: Callable[[str], None]) -> None:
    """Run until SIGINT or SIGTERM, then finish what is under way; raises what ends it otherwise.

    `started` is told the address of the health port.
    """
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    async with contextlib.AsyncExitStack() as stack:
        store = await asyncio.to_thread(
            open_store, settings, ingest_clients=settings.pipeline_inserts_in_flight + OTHER_CLIENTS
        )
        stack.callback(store.close)
        await asyncio.to_thread(migrate_store, store, settings)
        bus = open_bus(settings)
        stack.push_async_callback(bus.close)
        await _serve(bus, store, settings, told, started)


async def _serve(
    bus: Bus,
    store: Store,
    settings: Settings,
    told: asyncio.Event,
    started: Callable[[str], None],
) -> None:
    pipeline = Pipeline(bus, store, settings)
    health = HealthServer(settings, not_ready=pipeline.not_ready, metrics=pipeline.reporter.metrics)
    pipeline.reporter.health_url = health.url
    await health.start()
    try:
        await pipeline.start()
        started(health.url)
        failed = asyncio.create_task(_work(pipeline, bus, store, settings))
        stopping = asyncio.create_task(told.wait())
        await asyncio.wait({failed, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        await pipeline.stop()
        if not told.is_set():
            await failed
        failed.cancel()
        await asyncio.gather(failed, return_exceptions=True)
    finally:
        await health.stop()


async def _work(pipeline: Pipeline, bus: Bus, store: Store, settings: Settings) -> None:
    """Run until a part ends, which it does by raising."""
    first = TopicPartition(Signal.TRACES.topic, 0)
    owned = pipeline.stats.signals[Signal.TRACES].of(first)
    parts = [
        asyncio.ensure_future(part)
        for part in (
            pipeline.wait(),
            keep_dead_letters(bus, store, settings),
            keep_service_graph(store, mine=lambda: owned.owned),
        )
    ]
    try:
        await asyncio.gather(*parts)
    finally:
        for part in parts:
            part.cancel()
        await asyncio.gather(*parts, return_exceptions=True)
