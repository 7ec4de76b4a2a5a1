"""Getting one batch into the store: once in effect, whatever fails on the way (design D4, D5)."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING

from sightline_core.errors import (
    BusFull,
    BusUnavailable,
    PoisonBatch,
    StoreError,
    StoreUnavailable,
)
from sightline_pipeline.dead_letters import dead_letter

if TYPE_CHECKING:
    from sightline_core.bus.protocol import Bus, Record
    from sightline_core.store.client import Store
    from sightline_pipeline.batch import AcceptWindow, Batch
    from sightline_pipeline.landing import Landing
    from sightline_pipeline.stats import SignalStats

log = logging.getLogger(__name__)

UNEXPLAINED_TRIES = 3
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0


def pause_seconds(failures: int) -> float:
    """Return how long to wait after `failures` in a row: exponential, capped, with jitter."""
    ceiling = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 16))
    return ceiling * (0.5 + random.random() / 2)  # noqa: S311 - spreads retries, guards nothing


class Delivery:
    """Inserts the batches of one signal."""

    def __init__(
        self, store: Store, bus: Bus, landing: Landing, window: AcceptWindow, stats: SignalStats
    ) -> None:
        """Insert into `landing` of `store`; what cannot be decoded goes to `bus`."""
        self._store = store
        self._bus = bus
        self._landing = landing
        self._window = window
        self._stats = stats

    async def deliver(self, batch: Batch) -> None:
        """Return once every record of `batch` is stored or dead-lettered.

        Waits out whatever passes: an unavailable store, a full bus. Cancelling is safe at any
        point; delivering the same batch again has no effect for what is stored.
        """
        try:
            await self._insert(batch)
        except StoreError as error:
            if len(batch.records) == 1:
                await self._bury(batch.records[0], error)
                return
            log.warning("%s: bisecting %d messages: %s", batch.token, len(batch.records), error)
            for half in batch.halves():
                await self.deliver(half)
        else:
            self._stats.inserted(len(batch.records), batch.size)

    async def _insert(self, batch: Batch) -> None:
        body = batch.body(self._window)
        failures = 0
        while True:
            try:
                await asyncio.to_thread(self._landing.insert, self._store, body, batch.token)
            except StoreUnavailable as error:
                failures += 1
                log.warning("%s: insert failed, trying again: %s", batch.token, error)
            except PoisonBatch:
                raise
            except StoreError as error:
                # The engine said something we have no class for: it may pass, or be in the data.
                failures += 1
                if failures >= UNEXPLAINED_TRIES:
                    raise
                log.warning("%s: insert failed, trying again: %s", batch.token, error)
            else:
                self._stats.failing = False
                return
            self._stats.retried()
            await asyncio.sleep(pause_seconds(failures))

    async def _bury(self, record: Record, error: StoreError) -> None:
        failures = 0
        while True:
            try:
                await dead_letter(self._bus, record, error, attempts=1)
            except (BusFull, BusUnavailable) as full:
                failures += 1
                log.warning("cannot dead-letter offset %d yet: %s", record.offset, full)
                await asyncio.sleep(pause_seconds(failures))
            else:
                self._stats.dead_lettered += 1
                log.error(
                    "dead-lettered %s-%d offset %d: %s",
                    record.topic, record.partition, record.offset, error,
                )  # fmt: skip
                return
