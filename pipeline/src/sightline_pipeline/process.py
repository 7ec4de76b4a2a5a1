"""The pipeline as a process of its own: `sightline pipeline`, as many as there are partitions."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from sightline_core.bus.opening import open_bus
from sightline_core.bus.protocol import TopicPartition
from sightline_core.health import HealthServer
from sightline_core.startup import Startup, ToldToStop
from sightline_core.store.client import open_store
from sightline_core.wire.names import Signal
from sightline_pipeline.dead_letter_desk import keep_dead_letters
from sightline_pipeline.schema import migrate_store
from sightline_pipeline.service import Pipeline
from sightline_pipeline.service_graph import keep_service_graph

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from sightline_core.bus.protocol import Bus
    from sightline_core.settings import Settings
    from sightline_core.store.client import Store

OTHER_CLIENTS = 2
"""Of the store: for reports, dead letters and the service graph."""


async def run_pipeline(settings: Settings, started: Callable[[str], None]) -> None:
    """Run until SIGINT or SIGTERM, then finish what is under way; raises what ends it otherwise.

    Waits for a store or a bus that is not there yet. `started` is told the address of the health
    port as soon as both are.
    """
    startup = Startup()
    shown: list[Pipeline] = []
    health = HealthServer(
        settings,
        not_ready=lambda: startup.waiting_for or shown[0].not_ready(),
        metrics=lambda: shown[0].reporter.metrics() if shown else (),
    )
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(health.stop)
        stack.enter_context(contextlib.suppress(ToldToStop))
        await health.start()
        store = await startup.reach("the store", lambda: asyncio.to_thread(_open, settings))
        stack.callback(store.close)
        bus = open_bus(settings)
        stack.push_async_callback(bus.close)
        pipeline = Pipeline(bus, store, settings)
        pipeline.reporter.health_url = health.url
        shown.append(pipeline)
        await startup.reach("the bus or the store", pipeline.start)
        startup.done()
        started(health.url)
        await _run(pipeline, _work(pipeline, bus, store, settings), startup.told)


def _open(settings: Settings) -> Store:
    store = open_store(settings, ingest_clients=settings.pipeline_inserts_in_flight + OTHER_CLIENTS)
    try:
        migrate_store(store, settings)
    except BaseException:
        store.close()
        raise
    return store


async def _run(pipeline: Pipeline, work: Coroutine[Any, Any, None], told: asyncio.Event) -> None:
    failed = asyncio.create_task(work)
    stopping = asyncio.create_task(told.wait())
    await asyncio.wait({failed, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    await pipeline.stop()
    if not told.is_set():
        await failed
    failed.cancel()
    await asyncio.gather(failed, return_exceptions=True)


async def _work(pipeline: Pipeline, bus: Bus, store: Store, settings: Settings) -> None:
    """Run until a part ends, which it does by raising."""
    first = TopicPartition(Signal.TRACES.topic, 0)
    owned = pipeline.stats.signals[Signal.TRACES].of(first)
    parts = [
        asyncio.ensure_future(part)
        for part in (
            pipeline.wait(),
            keep_dead_letters(bus, store, settings, pipeline.side_work),
            keep_service_graph(store, mine=lambda: owned.owned),
        )
    ]
    try:
        await asyncio.gather(*parts)
    finally:
        for part in parts:
            part.cancel()
        await asyncio.gather(*parts, return_exceptions=True)
