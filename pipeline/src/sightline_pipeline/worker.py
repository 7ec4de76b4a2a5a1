"""One partition in the hands of this process: settles its batches in order, one at a time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sightline_core.bus.protocol import Committed
from sightline_core.errors import (
    BusError,
    BusFull,
    BusUnavailable,
    Fenced,
    OffsetOutOfRange,
    OutOfMemory,
    StoreError,
    TooManyPartitions,
)
from sightline_pipeline.batch import Batch
from sightline_pipeline.breaker import State, pause_seconds
from sightline_pipeline.dead_letters import dead_letter
from sightline_pipeline.delivery import Verdict
from sightline_pipeline.flood import FloodGuard, FloodLimits

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from sightline_core.bus.protocol import Bus, Consumer, TopicPartition
    from sightline_pipeline.breaker import Breaker
    from sightline_pipeline.delivery import Delivery, Outcome
    from sightline_pipeline.gaps import Gaps
    from sightline_pipeline.orders import Orders
    from sightline_pipeline.stats import PartitionStats

log = logging.getLogger(__name__)

CONFIRM_SECONDS = 3.0
CONFIRM_SHARE = 0.3
"""An insert begins only if the bus confirmed ownership within this time, and within this share of
the session at whose end it would give the partition to another."""

REASONS: Mapping[type[Exception], str] = {
    OutOfMemory: "too_large",
    TooManyPartitions: "too_many_partitions",
}
"""Reasons of dead letters, where the engine's code is not the best word for it."""


@dataclass(frozen=True, slots=True)
class BusAccess:
    """The bus, and what bounds its use: shared by all signals of the process."""

    bus: Bus
    breaker: Breaker
    orders: Orders
    gaps: Gaps
    flood: FloodLimits
    session_seconds: float

    @property
    def confirm_seconds(self) -> float:
        """How old the bus's confirmation may be when an insert begins."""
        return min(CONFIRM_SECONDS, CONFIRM_SHARE * self.session_seconds)

    async def persist(self, doing: str, call: Callable[[], Awaitable[None]]) -> None:
        """Repeat `call` until the bus takes it.

        Raises:
            Fenced, MessageTooLarge, BusError: it never will.
        """
        failures = 0
        while True:
            async with self.breaker.permit():
                try:
                    await call()
                except BusUnavailable as error:
                    self.breaker.failed(error)
                    reason: Exception = error
                except BusFull as error:
                    self.breaker.succeeded()  # it answers
                    reason = error
                else:
                    self.breaker.succeeded()
                    return
            failures += 1
            log.warning("cannot %s, trying again: %s", doing, reason)
            if self.breaker.state is State.CLOSED:
                await asyncio.sleep(pause_seconds(failures))


class Worker:
    """Settles what was read from one partition; nothing else inserts from it meanwhile."""

    def __init__(
        self,
        partition: TopicPartition,
        consumer: Consumer,
        delivery: Delivery,
        access: BusAccess,
        stats: PartitionStats,
    ) -> None:
        """Begin with nothing in hand."""
        self.stats = stats
        self._partition = partition
        self._consumer = consumer
        self._delivery = delivery
        self._access = access
        self._guard = FloodGuard(access.flood)
        self._confirmed = float("-inf")

    async def settle(self, batch: Batch) -> None:
        """Intent, insert, commit; the order is what makes a crash harmless.

        A batch that has to be split goes on as batches of their own, each with its intent: what
        is in doubt is always exactly the range that the last intent names.
        """
        try:
            await self._save_gaps()
            pending = [batch]
            while pending:
                part = pending.pop()
                await self._commit(part.intent)
                outcome = await self._deliver(part)
                if outcome.verdict is Verdict.SPLIT:
                    log.warning("%s: splitting %d messages: %s",
                                part.token, len(part.records), outcome.error)  # fmt: skip
                    pending += reversed(part.halves())
                elif outcome.verdict is Verdict.STORED:
                    self._guard.stored(len(part.records))
                elif reason := self._guard.verdict():
                    await self._wait_for_a_person("flood", reason)
                    pending.append(part)  # whatever made it invalid may have been repaired
                elif obstacle := await self._bury(part, outcome):
                    await self._wait_for_a_person("dead_letter", obstacle)
                    pending.append(part)
            await self._commit(batch.done)
        except Fenced:
            log.info("%s: the partition has a new owner, which will settle this batch", batch.token)

    async def replay(self, first: int, last: int) -> None:
        """Settle the range that a former owner left in doubt."""
        topic, number = self._partition
        batch: Batch | None = None

        async def read() -> None:
            nonlocal batch
            batch = Batch(await self._access.bus.read(self._partition, first, last))

        try:
            await self._access.persist("read a range in doubt", read)
        except OffsetOutOfRange as error:
            with contextlib.suppress(Fenced):
                await self._skip_doubt(first, last, error)
            return
        if batch is None:
            return
        log.info("%s-%d: replaying offsets %d to %d, left in doubt", topic, number, first, last)
        self.stats.replayed_batches += 1
        await self.settle(batch)

    async def _skip_doubt(self, first: int, last: int, error: OffsetOutOfRange) -> None:
        """Count what is gone of a range in doubt; settle what is held and was never stored.

        What is held and stored in part stays as it is: under another token it would count twice.
        """
        held: Batch | None = None
        if first < error.nearest <= last:
            begin = error.nearest

            async def read() -> None:
                nonlocal held
                held = Batch(await self._access.bus.read(self._partition, begin, last))

            with contextlib.suppress(OffsetOutOfRange):  # retention was quicker
                await self._access.persist("read the rest of a range in doubt", read)
            if held is not None and await self._delivery.may_leave_rows(held):
                held = None
        gone = last if held is None else held.first - 1
        self.stats.gaps += 1
        self._access.gaps.add(self._partition, first, gone, "in_doubt")
        log.error("%s-%d: offsets %d to %d were in doubt and are gone: %s",
                  *self._partition, first, gone, error)  # fmt: skip
        await self._save_gaps()
        if held is None:
            await self._commit(Committed(last + 1))
        else:
            await self.settle(held)

    async def _deliver(self, batch: Batch) -> Outcome:
        async def confirm() -> None:
            """Ask the bus, after a pause of any kind, whether the partition is still ours."""
            if time.monotonic() - self._confirmed > self._access.confirm_seconds:
                await self._commit(batch.intent)

        return await self._delivery.deliver(batch, self.stats, confirm)

    async def _save_gaps(self) -> None:
        """Wait until the store has the gaps of this partition: a commit makes them for good."""
        failures = 0
        while self._access.gaps.waiting(self._partition):
            try:
                await asyncio.to_thread(self._access.gaps.save)
            except StoreError as error:
                failures += 1
                self.stats.failing = f"cannot save a gap: {error}"
                log.warning("cannot save a gap of %s-%d, trying again: %s", *self._partition, error)
                await asyncio.sleep(pause_seconds(failures))
            else:
                self.stats.failing = ""

    async def _commit(self, committed: Committed) -> None:
        offsets = {self._partition: committed}
        asked = time.monotonic()
        await self._access.persist("commit offsets", lambda: self._consumer.commit(offsets))
        self._confirmed = asked

    async def _bury(self, batch: Batch, outcome: Outcome) -> str:
        """Dead-letter the only message of `batch`; return why that is not possible, if it is not.

        What cannot be kept elsewhere is not passed by: its partition waits for a person.
        """
        (record,) = batch.records
        error = outcome.error
        assert error is not None
        try:
            await self._access.persist(
                f"dead-letter offset {record.offset}",
                lambda: dead_letter(
                    self._access.bus,
                    record,
                    error,
                    attempts=outcome.tries,
                    reason=REASONS.get(type(error), ""),
                ),
            )
        except BusError as obstacle:
            return f"cannot dead-letter offset {record.offset} ({error}): {obstacle}"
        self._guard.dead_lettered()
        self.stats.dead_lettered += 1
        log.error(
            "dead-lettered %s-%d offset %d: %s",
            record.topic, record.partition, record.offset, error,
        )  # fmt: skip
        return ""

    async def _wait_for_a_person(self, kind: str, reason: str) -> None:
        topic, number = self._partition
        log.error(
            "paused %s-%d: %s; find out why, then: sightline pipeline resume %s %d",
            topic, number, reason, topic, number,
        )  # fmt: skip
        await self._access.orders.pause(self._partition, kind, reason)
        self.stats.paused = reason
        await self._access.orders.wait_until_running(self._partition)
        self.stats.paused = ""
        self._guard.reset()
