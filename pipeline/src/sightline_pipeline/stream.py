"""One signal: reads the partitions of its topic and keeps their batches flowing."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sightline_core.bus.protocol import TopicPartition
from sightline_core.errors import BusUnavailable, OffsetOutOfRange
from sightline_core.wire.names import PIPELINE_GROUP
from sightline_pipeline.backlog import Backlog
from sightline_pipeline.batch import range_in_doubt
from sightline_pipeline.breaker import pause_seconds
from sightline_pipeline.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sightline_core.bus.protocol import Committed, Consumer, Record
    from sightline_core.settings import Settings
    from sightline_core.wire.names import Signal
    from sightline_pipeline.delivery import Delivery
    from sightline_pipeline.stats import Held, SignalStats
    from sightline_pipeline.worker import BusAccess

log = logging.getLogger(__name__)

POLL_BYTES = 4 << 20
POLL_SECONDS = 5.0
LEAVE_SECONDS = 0.5
ORDER_SECONDS = 0.5


@dataclass(slots=True)
class Lane:
    """What this process has of one partition.

    Attributes:
        next_offset: of the first record that was not read yet; None: not known before one came.
        running: the batch in the store's hands, its weight, and since when its oldest was here.
        leaving: it goes to another owner; what runs is waited for, and nothing more begins.
    """

    worker: Worker
    backlog: Backlog
    next_offset: int | None = None
    running: asyncio.Task[None] | None = None
    running_weight: int = 0
    running_since: float | None = None
    leaving: bool = False

    def finish(self) -> int:
        """Forget the batch that is done and return its weight."""
        weight = self.running_weight
        self.running, self.running_weight, self.running_since = None, 0, None
        return weight


class SignalStream:
    """One consumer over the partitions of one topic.

    Each partition has at most one batch in the store's hands; meanwhile one more is gathered.
    """

    def __init__(
        self,
        signal: Signal,
        access: BusAccess,
        delivery: Delivery,
        settings: Settings,
        stats: SignalStats,
        held: Held,
    ) -> None:
        """Prepare; nothing is read before `run`."""
        self._signal = signal
        self._access = access
        self._delivery = delivery
        self._settings = settings
        self._stats = stats
        self._held = held
        self._consumer: Consumer = access.bus.consumer(PIPELINE_GROUP, [signal.topic], self)
        self._lanes: dict[TopicPartition, Lane] = {}

    @property
    def inserts_running(self) -> int:
        """How many batches are in the store's hands or wait for it."""
        return sum(lane.running is not None for lane in self._lanes.values())

    async def run(self) -> None:
        """Poll, gather, insert; never returns."""
        polling = asyncio.create_task(self._poll())
        try:
            while True:
                running = (lane.running for lane in self._lanes.values() if not lane.leaving)
                await asyncio.wait(
                    {polling, *(task for task in running if task is not None)},
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
        """Leave the group; waits for the inserts under way, for a bounded time."""
        await self._consumer.close()

    async def on_assigned(self, partitions: frozenset[TopicPartition]) -> None:
        """Begin with what a former owner left in doubt; what follows is read meanwhile.

        Returns soon: who does not poll for long loses its partitions again.
        """
        for partition in sorted(partitions):
            stats = self._stats.of(partition)
            stats.owned = True
            worker = Worker(partition, self._consumer, self._delivery, self._access, stats)
            lane = Lane(
                worker,
                Backlog(
                    self._signal,
                    max_bytes=self._settings.batch_max_bytes,
                    max_seconds=self._settings.batch_max_seconds,
                ),
            )
            committed = await self._committed(partition)
            if (doubt := range_in_doubt(committed)) is not None:
                lane.next_offset = doubt[1] + 1
                self._consumer.seek(partition, lane.next_offset)
                lane.running = asyncio.create_task(self._replay(partition, worker, *doubt))
            elif committed is not None:
                lane.next_offset = committed.offset
            self._lanes[partition] = lane

    async def _replay(
        self, partition: TopicPartition, worker: Worker, first: int, last: int
    ) -> None:
        """Replay a range in doubt, once no order makes its partition wait."""
        if order := self._access.orders.standing(partition):
            worker.stats.paused = order.detail or order.reason
            await self._access.orders.wait_until_running(partition)
            worker.stats.paused = ""
        await worker.replay(first, last)

    async def on_revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Finish the inserts under way, forget what was only read.

        Who is interrupted here is called once more when the consumer closes: until its insert has
        ended, a lane stays known.
        """
        leaving = [self._lanes[partition] for partition in partitions if partition in self._lanes]
        for lane in leaving:
            lane.leaving = True
        await asyncio.gather(*map(self._leave, leaving))
        for partition in partitions:
            if (left := self._lanes.pop(partition, None)) is not None:
                self._held.weight -= left.backlog.size + left.running_weight
            stats = self._stats.of(partition)
            stats.owned = False
            stats.failing = stats.paused = ""
            stats.oldest_in_hand = None

    async def _leave(self, lane: Lane) -> None:
        """Let an insert finish; what waits for the store or a person is left in doubt."""
        deadline = time.monotonic() + self._settings.pipeline_drain_seconds
        running = lane.running
        while running is not None and not running.done():
            waits = lane.worker.stats.failing or lane.worker.stats.paused
            if waits or time.monotonic() > deadline:
                running.cancel()
            await asyncio.wait([running], timeout=LEAVE_SECONDS)
        if running is not None and not running.cancelled():
            running.result()

    async def _committed(self, partition: TopicPartition) -> Committed | None:
        found: Committed | None = None

        async def ask() -> None:
            nonlocal found
            found = await self._consumer.committed(partition)

        await self._access.persist("read the committed offsets", ask)
        return found

    async def _poll(self) -> None:
        """Add what comes next to the backlogs; waits out an unavailable bus."""
        polled = await self._polled()
        now = time.monotonic()
        for partition, records in polled.items():
            lane = self._lanes[partition]
            before = lane.backlog.size
            lane.backlog.add(records, now)
            lane.next_offset = records[-1].offset + 1
            self._held.weight += lane.backlog.size - before

    async def _polled(self) -> Mapping[TopicPartition, Sequence[Record]]:
        breaker, failures = self._access.breaker, 0
        while True:
            try:
                # Not within the breaker's permit: polling is what keeps the partitions ours.
                polled = await self._consumer.poll(max_bytes=POLL_BYTES, timeout=POLL_SECONDS)
            except BusUnavailable as error:
                breaker.failed(error)
                log.warning("cannot read from the bus, trying again: %s", error)
            except OffsetOutOfRange as error:
                self._skip_gap(error)
            else:
                breaker.succeeded()
                return polled
            failures += 1
            await asyncio.sleep(pause_seconds(failures))

    def _seconds_until_due(self) -> float | None:
        now = time.monotonic()
        waits: list[float] = []
        for partition, lane in self._lanes.items():
            if lane.running is not None or lane.leaving:
                continue
            if self._access.orders.standing(partition) is not None:
                waits.append(ORDER_SECONDS)
            elif (due := lane.backlog.seconds_until_due(now)) is not None:
                waits.append(due)
        return min(waits, default=None)

    def _dispatch(self, now: float) -> None:
        for partition, lane in self._lanes.items():
            if lane.leaving:
                continue
            if lane.running is not None and lane.running.done():
                lane.running.result()
                self._held.weight -= lane.finish()
            order = self._access.orders.standing(partition)
            if lane.running is None:
                lane.worker.stats.paused = order.detail or order.reason if order else ""
                if order is None and lane.backlog.seconds_until_due(now) == 0:
                    self._start(lane)
            lane.worker.stats.oldest_in_hand = lane.running_since or lane.backlog.oldest
            if lane.backlog.full or (self._held.full and lane.backlog.size):
                self._consumer.pause(partition)
            else:
                self._consumer.resume(partition)

    def _start(self, lane: Lane) -> None:
        before = lane.backlog.size
        lane.running_since = lane.backlog.oldest
        batch = lane.backlog.take()
        lane.running_weight = before - lane.backlog.size
        lane.running = asyncio.create_task(lane.worker.settle(batch))

    def _skip_gap(self, error: OffsetOutOfRange) -> None:
        """Go on at the nearest record held, and say what is missing."""
        partition = TopicPartition(*error.partition)
        lane = self._lanes[partition]
        lane.worker.stats.gaps += 1
        first = lane.next_offset if lane.next_offset is not None else 0
        if first < error.nearest:
            # In the store before the next commit of this partition, which makes the seek last.
            self._access.gaps.add(partition, first, error.nearest - 1, "expired")
        log.error("skipping what is gone before it was read: %s", error)
        self._consumer.seek(partition, error.nearest)
        lane.next_offset = error.nearest
