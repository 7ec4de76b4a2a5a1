"""The pipeline: reads the topics of one signal each and keeps their partitions flowing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING

from sightline_core.bus.protocol import TopicPartition
from sightline_core.errors import BusFull, BusUnavailable, Fenced, OffsetOutOfRange
from sightline_core.wire.names import PIPELINE_GROUP, Signal
from sightline_pipeline.backlog import Backlog
from sightline_pipeline.batch import AcceptWindow, Batch, range_in_doubt
from sightline_pipeline.delivery import Delivery, pause_seconds
from sightline_pipeline.landing import landing
from sightline_pipeline.stats import PipelineStats

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sightline_core.bus.protocol import Bus, Committed, Consumer
    from sightline_core.settings import Settings
    from sightline_core.store.client import Store
    from sightline_pipeline.stats import SignalStats

log = logging.getLogger(__name__)

POLL_BYTES = 4 << 20
POLL_SECONDS = 5.0
LEAVE_SECONDS = 0.5


class Pipeline:
    """Moves every signal from the bus into the store until stopped."""

    def __init__(self, bus: Bus, store: Store, settings: Settings) -> None:
        """Use an open bus and a migrated store; both stay the caller's to close."""
        self.stats = PipelineStats()
        self._bus = bus
        self._settings = settings
        window = AcceptWindow.from_settings(settings)
        self._streams = [
            SignalStream(
                bus,
                signal,
                Delivery(store, bus, landing(signal), window, self.stats.signals[signal]),
                settings,
                self.stats.signals[signal],
            )
            for signal in Signal
        ]
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Make the topics and begin."""
        for signal in Signal:
            await self._bus.create_topic(signal.topic, partitions=self._settings.bus_partitions)
            await self._bus.create_topic(signal.dlq_topic, partitions=1)
        self._tasks = [asyncio.create_task(stream.run()) for stream in self._streams]

    async def wait(self) -> None:
        """Return only when a stream ends, which it does by raising."""
        await asyncio.gather(*self._tasks)

    async def stop(self) -> None:
        """Finish the inserts that are under way and leave; what was only read is read again.

        Inserts that fail and would be tried again are not waited for: the next start replays them.
        """
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for stream in self._streams:
            await stream.close()
        self._tasks = []


class SignalStream:
    """One consumer over the partitions of one topic.

    Each partition has at most one batch in the store's hands; meanwhile one more is gathered.
    """

    def __init__(
        self, bus: Bus, signal: Signal, delivery: Delivery, settings: Settings, stats: SignalStats
    ) -> None:
        """Prepare; nothing is read before `run`."""
        self._bus = bus
        self._delivery = delivery
        self._settings = settings
        self._stats = stats
        self._consumer: Consumer = bus.consumer(PIPELINE_GROUP, [signal.topic], self)
        self._backlogs: dict[TopicPartition, Backlog] = {}
        self._inserts: dict[TopicPartition, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Poll, gather, insert; never returns."""
        polling = asyncio.create_task(self._poll())
        try:
            while True:
                await asyncio.wait(
                    {polling, *self._inserts.values()},
                    timeout=self._seconds_until_due(),
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if polling.done():
                    polling.result()
                    polling = asyncio.create_task(self._poll())
                self._dispatch(time.monotonic())
        finally:
            polling.cancel()
            await asyncio.wait([polling])

    async def close(self) -> None:
        """Leave the group; waits for the inserts under way."""
        await self._consumer.close()

    async def on_assigned(self, partitions: frozenset[TopicPartition]) -> None:
        """Settle what a former owner left in doubt, before anything else is read."""
        for partition in sorted(partitions):
            self._backlogs[partition] = Backlog(
                max_bytes=self._settings.batch_max_bytes,
                max_seconds=self._settings.batch_max_seconds,
            )
            committed = await self._consumer.committed(partition)
            if (doubt := range_in_doubt(committed)) is not None:
                with contextlib.suppress(Fenced):  # the next owner replays it
                    await self._replay(partition, *doubt)

    async def on_revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Finish the inserts under way, forget what was only read."""
        for partition in partitions:
            task = self._inserts.pop(partition, None)
            if task is not None:
                await self._leave(task)
            self._backlogs.pop(partition, None)

    async def _leave(self, insert: asyncio.Task[None]) -> None:
        """Let an insert finish; one that waits for the store to come back is left in doubt."""
        while not insert.done():
            await asyncio.wait([insert], timeout=LEAVE_SECONDS)
            if self._stats.failing:
                insert.cancel()

    async def _poll(self) -> None:
        """Add what comes next to the backlogs; waits out an unavailable bus."""
        failures = 0
        while True:
            try:
                polled = await self._consumer.poll(max_bytes=POLL_BYTES, timeout=POLL_SECONDS)
            except BusUnavailable as error:
                failures += 1
                log.warning("cannot read from the bus, trying again: %s", error)
                await asyncio.sleep(pause_seconds(failures))
            except OffsetOutOfRange as error:
                failures += 1
                self._skip_gap(error)
                await asyncio.sleep(pause_seconds(failures))
            else:
                break
        now = time.monotonic()
        for partition, records in polled.items():
            self._backlogs[partition].add(records, now)

    def _seconds_until_due(self) -> float | None:
        now = time.monotonic()
        waits = [
            due
            for partition, backlog in self._backlogs.items()
            if partition not in self._inserts
            and (due := backlog.seconds_until_due(now)) is not None
        ]
        return min(waits, default=None)

    def _dispatch(self, now: float) -> None:
        for partition, backlog in self._backlogs.items():
            running = self._inserts.get(partition)
            if running is not None and running.done():
                del self._inserts[partition]
                running.result()
                running = None
            if running is None and backlog.seconds_until_due(now) == 0:
                self._inserts[partition] = asyncio.create_task(self._settle(backlog.take()))
            if backlog.full:
                self._consumer.pause(partition)
            else:
                self._consumer.resume(partition)

    async def _settle(self, batch: Batch) -> None:
        """Intent, insert, commit; the order is what makes a crash harmless."""
        try:
            await self._commit({batch.partition: batch.intent})
            await self._delivery.deliver(batch)
            await self._commit({batch.partition: batch.done})
        except Fenced:
            log.info("%s: the partition has a new owner, which will settle this batch", batch.token)

    async def _commit(self, offsets: Mapping[TopicPartition, Committed]) -> None:
        failures = 0
        while True:
            try:
                await self._consumer.commit(offsets)
            except (BusFull, BusUnavailable) as error:
                failures += 1
                log.warning("cannot commit offsets, trying again: %s", error)
                await asyncio.sleep(pause_seconds(failures))
            else:
                return

    async def _replay(self, partition: TopicPartition, first: int, last: int) -> None:
        try:
            records = await self._bus.read(partition, first, last)
        except OffsetOutOfRange as error:
            self._stats.gaps += 1
            log.error(  # noqa: TRY400 - the trace says nothing, the range says it all
                "%s-%d: offsets %d to %d were in doubt and are gone: %s",
                *partition,
                first,
                last,
                error,
            )
            return
        log.info("%s-%d: replaying offsets %d to %d, left in doubt", *partition, first, last)
        self._stats.replayed_batches += 1
        batch = Batch(records)
        await self._delivery.deliver(batch)
        await self._commit({partition: batch.done})
        self._consumer.seek(partition, batch.last + 1)

    def _skip_gap(self, error: OffsetOutOfRange) -> None:
        """Go on at the nearest record held, and say what is missing."""
        self._stats.gaps += 1
        log.error("skipping what is gone before it was read: %s", error)
        self._consumer.seek(TopicPartition(*error.partition), error.nearest)
