"""Getting a batch into the store: once in effect, whatever fails on the way (design D4, D5).

docs/pipeline.md has the table of what happens by class of error, and the rules that keep it from
harming good data; `sightline_core.store.failures` has the codes of each class.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from sightline_core.bus.protocol import Record
from sightline_core.errors import (
    OutOfMemory,
    PoisonBatch,
    SchemaMismatch,
    StoreDenied,
    StoreError,
    StoreUnavailable,
    TooManyPartitions,
)
from sightline_pipeline.batch import Batch
from sightline_pipeline.breaker import State, pause_seconds
from sightline_pipeline.landing import SQL

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sightline_core.store.client import Store
    from sightline_core.wire.names import Signal
    from sightline_pipeline.batch import AcceptWindow
    from sightline_pipeline.breaker import Breaker
    from sightline_pipeline.landing import Landing
    from sightline_pipeline.stats import PartitionStats

log = logging.getLogger(__name__)

UNEXPLAINED_TRIES = 3
MEMORY_TRIES = 8
"""Memory that others use comes back; a message that failed alone so often does not fit."""


class Verdict(Enum):
    """What became of a batch."""

    STORED = auto()
    SPLIT = auto()
    """It cannot be stored as a whole, and nothing of it is."""
    INVALID = auto()
    """It is one message, which cannot be stored while others can."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verdict, and for `INVALID` why, after how many tries."""

    verdict: Verdict
    error: StoreError | None = None
    tries: int = 0


@dataclass(frozen=True, slots=True)
class StoreAccess:
    """The store, and what bounds its use: shared by all signals of the process."""

    store: Store
    breaker: Breaker
    in_flight: asyncio.Semaphore


class Delivery:
    """Inserts the batches of one signal."""

    def __init__(
        self, access: StoreAccess, signal: Signal, landing: Landing, window: AcceptWindow
    ) -> None:
        """Insert into `landing`."""
        self._access = access
        self._signal = signal
        self._landing = landing
        self._window = window

    async def deliver(
        self, batch: Batch, stats: PartitionStats, confirm: Callable[[], Awaitable[None]]
    ) -> Outcome:
        """Return once it is known what becomes of `batch`; waits out whatever passes.

        `confirm` is awaited right before every try and raises when the partition belongs to
        somebody else by now. Cancelling is safe at any point; delivering the same batch again has
        no effect for what is stored.
        """
        body = batch.body(self._window)
        tries, alike = 0, 0
        before: type[StoreError] | None = None
        while True:
            try:
                await self._insert(body, batch.token, confirm)
            except StoreError as error:
                tries += 1
                # Tries that an outage took say nothing about the batch: only equal ones add up.
                alike = alike + 1 if type(error) is before else 1
                before = type(error)
                verdict = await self._judge(batch, error, alike)
                if verdict is not None:
                    return Outcome(verdict, error, tries)
                stats.retried(error)
                governed = _is_outage(error)
                log.warning("%s: insert failed, trying again: %s", batch.token, error)
            else:
                self._stored(batch, stats)
                return Outcome(Verdict.STORED)
            if not governed or self._access.breaker.state is State.CLOSED:
                await asyncio.sleep(pause_seconds(tries))

    async def _insert(
        self, body: list[bytes], token: str, confirm: Callable[[], Awaitable[None]]
    ) -> None:
        access = self._access
        async with access.in_flight, access.breaker.permit():
            await confirm()
            try:
                await asyncio.to_thread(self._landing.insert, access.store, body, token)
            except (StoreDenied, SchemaMismatch) as error:
                access.breaker.failed(error, at_once=True)
                raise
            except OutOfMemory:
                raise  # says more about the batch than about the store
            except StoreUnavailable as error:
                access.breaker.failed(error)
                raise
            except (PoisonBatch, TooManyPartitions):
                access.breaker.succeeded()
                raise
            access.breaker.succeeded()

    def _stored(self, batch: Batch, stats: PartitionStats) -> None:
        stats.inserted(len(batch.records), batch.size)
        received = batch.received(self._window)[1] / 1e9
        stats.last_received = received
        stats.store_delay_seconds = max(0.0, time.time() - received)

    async def _judge(self, batch: Batch, error: StoreError, alike: int) -> Verdict | None:
        """Decide after a try that failed, as the `alike` - 1 before it; None: the same again."""
        alone = len(batch.records) == 1
        if isinstance(error, PoisonBatch):
            # Decoding comes before anything is stored, but an earlier try may have got further.
            if await self.may_leave_rows(batch) or (alone and not await self._works_for_others()):
                return None
            return Verdict.INVALID if alone else Verdict.SPLIT
        if _is_outage(error):
            return None
        memory = isinstance(error, OutOfMemory)
        patience = MEMORY_TRIES if memory and alone else UNEXPLAINED_TRIES
        if alike < patience and not isinstance(error, TooManyPartitions):
            return None
        if not await self._works_for_others() or await self.may_leave_rows(batch):
            return None
        return Verdict.INVALID if alone else Verdict.SPLIT

    async def _works_for_others(self) -> bool:
        """Say whether a message without records can be stored now, after what has failed."""
        body, token = _probe().body(self._window), f"probe-{uuid.uuid4()}"
        try:
            await asyncio.to_thread(self._landing.insert, self._access.store, body, token)
        except StoreError as error:
            log.error("the store takes nothing of %s: %s", self._signal, error)  # noqa: TRY400
            return False
        return True

    async def may_leave_rows(self, batch: Batch) -> bool:
        """Say whether tries that failed have stored something of the range, or may yet do so."""
        return await self._still_running(batch) or await self._partly_stored(batch)

    async def _still_running(self, batch: Batch) -> bool:
        """Say whether an earlier try, whose answer was lost, may yet store something.

        After a time-out, or a crash of the owner before, the store may still be at it.
        """
        sql = (SQL / "still_running.sql").read_text(encoding="utf-8")
        try:
            rows = await asyncio.to_thread(self._access.store.rows, sql, {"token": batch.token})
        except StoreError as error:
            log.warning("%s: cannot ask what the store is doing: %s", batch.token, error)
            return True
        if rows[0]["found"]:
            log.warning("%s: an earlier try is still under way", batch.token)
        return bool(rows[0]["found"])

    async def _partly_stored(self, batch: Batch) -> bool:
        """Say whether a failed insert has left something, which only its own token completes.

        The ledger is written by the same insert, in no promised order: before it, only the counts
        of attribute keys were seen to be written, and those are not exact.
        """
        topic, partition = batch.partition
        first, last = batch.received(self._window)
        bound = {
            "signal": self._signal.value,
            "topic": topic,
            "partition": partition,
            "first": batch.first,
            "last": batch.last,
            "from": first,
            "until": last,
        }
        sql = (SQL / "partly_stored.sql").read_text(encoding="utf-8")
        try:
            rows = await asyncio.to_thread(self._access.store.rows, sql, bound)
        except StoreError as error:
            log.warning("%s: cannot ask the ledger: %s", batch.token, error)
            return True
        if rows[0]["found"]:
            log.error("%s: a failed insert has left a part; only this range completes it",
                      batch.token)  # fmt: skip
        return bool(rows[0]["found"])


def _is_outage(error: StoreError) -> bool:
    """Say whether the breaker decides when to try again: what fails is the store, not the batch."""
    return isinstance(error, StoreUnavailable) and not isinstance(error, OutOfMemory)


def _probe() -> Batch:
    """Return a message without records: it goes through decoding and views and leaves no row."""
    return Batch([Record("sightline-probe", 0, 0, time.time_ns() // 1_000_000, b"", None, ())])
