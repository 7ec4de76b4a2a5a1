"""The pipeline: one stream per signal, and what they share."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sightline_core.wire.names import Signal
from sightline_pipeline.batch import AcceptWindow
from sightline_pipeline.breaker import Breaker
from sightline_pipeline.delivery import Delivery, StoreAccess
from sightline_pipeline.flood import FloodLimits
from sightline_pipeline.gaps import Gaps
from sightline_pipeline.landing import landing
from sightline_pipeline.orders import Orders
from sightline_pipeline.report import Reporter
from sightline_pipeline.side_work import SideWork
from sightline_pipeline.stats import Held, PipelineStats
from sightline_pipeline.stream import SignalStream
from sightline_pipeline.worker import BusAccess

if TYPE_CHECKING:
    from sightline_core.bus.protocol import Bus
    from sightline_core.settings import Settings
    from sightline_core.store.client import Store


class Pipeline:
    """Moves every signal from the bus into the store until stopped."""

    def __init__(self, bus: Bus, store: Store, settings: Settings) -> None:
        """Use an open bus and a migrated store; both stay the caller's to close."""
        self.stats = PipelineStats()
        self.breakers = {name: Breaker(name) for name in ("store", "bus")}
        self.orders = Orders(store)
        self.side_work = SideWork()
        self._bus = bus
        self._settings = settings
        self._held = Held(settings.pipeline_max_bytes)
        gaps = Gaps(store)
        in_store = StoreAccess(
            store, self.breakers["store"], asyncio.Semaphore(settings.pipeline_inserts_in_flight)
        )
        on_bus = BusAccess(
            bus,
            self.breakers["bus"],
            self.orders,
            gaps,
            FloodLimits.from_settings(settings),
            settings.kafka_session_timeout_seconds,
        )
        window = AcceptWindow.from_settings(settings)
        self._streams = [
            SignalStream(
                signal,
                on_bus,
                Delivery(in_store, signal, landing(signal), window),
                settings,
                self.stats.signals[signal],
                self._held,
            )
            for signal in Signal
        ]
        self.reporter = Reporter(self, bus, store, gaps)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def held_bytes(self) -> int:
        """Weight of all messages that were read and are not stored yet."""
        return self._held.weight

    @property
    def inserts_in_flight(self) -> int:
        """How many batches are in the store's hands or wait for it."""
        return sum(stream.inserts_running for stream in self._streams)

    def not_ready(self) -> list[str]:
        """Return in sentences why data does not flow; nothing when it does."""
        return [
            f"the {name} is out of reach: {breaker.reason}"
            for name, breaker in self.breakers.items()
            if breaker.state != "closed"
        ]

    async def start(self) -> None:
        """Make the topics and begin."""
        for signal in Signal:
            await self._bus.create_topic(signal.topic, partitions=self._settings.bus_partitions)
            await self._bus.create_topic(signal.dlq_topic, partitions=1)
        await self.orders.refresh()
        self._tasks = [
            *(asyncio.create_task(stream.run()) for stream in self._streams),
            asyncio.create_task(self.orders.keep()),
            asyncio.create_task(self.reporter.keep()),
        ]

    async def wait(self) -> None:
        """Return only when a part of it ends, which it does by raising."""
        await asyncio.gather(*self._tasks)

    async def stop(self) -> None:
        """Finish the inserts that are under way and leave; what was only read is read again.

        Inserts that fail and would be tried again are not waited for, nor those that take longer
        than `pipeline_drain_seconds`: the next owner replays them.
        """
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(stream.close() for stream in self._streams))
        if self._tasks:
            await self.reporter.leave()
        self._tasks = []
