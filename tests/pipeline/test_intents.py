"""The state machine of intents: any course of work, crashes and takeovers counts each message once.

The store is a model here that does what the engine promises: a token counts once, and a failed
insert of a range may have stored all of it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sightline_core.bus.memory import MemoryBus
from sightline_core.bus.protocol import Message, TopicPartition
from sightline_core.errors import Fenced, OutOfMemory, PoisonBatch, StoreError
from sightline_pipeline.batch import Batch, range_in_doubt
from sightline_pipeline.breaker import Breaker
from sightline_pipeline.delivery import Outcome, Verdict
from sightline_pipeline.flood import FloodLimits
from sightline_pipeline.gaps import Gaps
from sightline_pipeline.worker import BusAccess, Worker

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sightline_pipeline.stats import PartitionStats

from sightline_pipeline.stats import PartitionStats as Counters

PARTITION = TopicPartition("spans", 0)
POISON = b"poison"


class Died(Exception):  # noqa: N818 - what kill -9 would do
    """The process ended here."""


class Model:
    """A store that keeps tokens, and dies, fails or refuses as `fate` says for its next calls."""

    def __init__(self) -> None:
        self.tokens: set[str] = set()
        self.stored: Counter[int] = Counter()
        self.fate: list[str] = []

    async def deliver(
        self, batch: Batch, _: PartitionStats, confirm: Callable[[], Awaitable[None]]
    ) -> Outcome:
        await confirm()
        fate = self.fate.pop(0) if self.fate else "works"
        if fate == "dies before":
            raise Died
        if any(record.value == POISON for record in batch.records):
            error: StoreError = PoisonBatch("no")
            alone = len(batch.records) == 1
            return Outcome(Verdict.INVALID if alone else Verdict.SPLIT, error, 1)
        if fate == "too large" and len(batch.records) > 1 and batch.token not in self.tokens:
            return Outcome(Verdict.SPLIT, OutOfMemory("no"), 1)  # the ledger says: nothing stored
        if batch.token not in self.tokens:
            self.tokens.add(batch.token)
            self.stored.update(record.offset for record in batch.records)
        if fate == "dies after":
            raise Died
        return Outcome(Verdict.STORED)


class Intents(RuleBasedStateMachine):
    """One partition, its owners one after the other, sometimes two that both believe to be it."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.bus = MemoryBus(max_poll_seconds=1e9)
        self.store = Model()
        self.sent = 0
        self.poison: set[int] = set()

    def do(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    @initialize()
    def begin(self) -> None:
        self.do(self.bus.create_topic("spans", partitions=1))
        self.do(self.bus.create_topic("spans.dlq", partitions=1))
        self.consumer = self.do(self._take_over())

    async def _take_over(self) -> Any:
        """Make a new member the owner, as when the former one was expelled."""
        consumer = self.bus.consumer("group", ["spans"])
        if hasattr(self, "consumer"):
            self.bus._groups._groups["group"].leave(self.consumer)
        await consumer.poll(timeout=0)
        return consumer

    def worker(self, consumer: Any) -> Worker:
        limits = FloodLimits(in_a_row=0, share=1, window_seconds=1)
        nothing: Any = None
        access = BusAccess(
            self.bus, Breaker("bus"), nothing, Gaps(nothing), limits, session_seconds=30
        )
        delivery: Any = self.store
        return Worker(PARTITION, consumer, delivery, access, Counters())

    @rule(values=st.lists(st.sampled_from([b"good", b"good", b"good", POISON]), max_size=9))
    def send(self, values: list[bytes]) -> None:
        for value in values:
            if value == POISON:
                self.poison.add(self.sent)
            self.do(self.bus.send("spans", Message(value), partition=0))
            self.sent += 1

    @rule(
        most=st.integers(1, 9),
        fate=st.lists(
            st.sampled_from(["works", "works", "too large", "dies before", "dies after"]),
            max_size=12,
        ),
    )
    def work(self, most: int, fate: list[str]) -> None:
        """Settle what is in doubt, then one batch; a death makes another the owner."""
        self.store.fate = fate
        try:
            self.do(self._work(self.consumer, most))
        except Died:
            self.consumer = self.do(self._take_over())
        self.store.fate = []

    @rule(most=st.integers(1, 9))
    def take_over_while_the_old_owner_still_works(self, most: int) -> None:
        old, self.consumer = self.consumer, self.do(self._take_over())
        stored = self.store.stored.copy()
        self.do(self._work(old, most))
        assert self.store.stored == stored, "an old owner has stored something"

    async def _work(self, consumer: Any, most: int) -> None:
        committed = self.bus.stored("group", PARTITION)
        worker = self.worker(consumer)
        if (doubt := range_in_doubt(committed)) is not None:
            await worker.replay(*doubt)
            committed = self.bus.stored("group", PARTITION)
            if range_in_doubt(committed) is not None:
                return
        first = committed.offset if committed else 0
        last = min(self.sent, first + most) - 1
        if last >= first:
            await worker.settle(Batch(list(await self.bus.read(PARTITION, first, last))))

    @invariant()
    def nothing_is_stored_twice_and_all_below_the_watermark_is_settled(self) -> None:
        assert all(count == 1 for count in self.store.stored.values())
        committed = self.bus.stored("group", PARTITION)
        done = set(range(committed.offset if committed else 0))
        buried = {
            int(record.header("sightline-dlq-offset") or b"-1")
            for record in (self.bus._log(TopicPartition("spans.dlq", 0)))
        }
        assert buried <= self.poison
        assert done <= set(self.store.stored) | buried

    def teardown(self) -> None:
        if hasattr(self, "consumer"):
            for _ in range(2 * self.sent + 2):
                self.do(self._work(self.consumer, 1000))
            self.nothing_is_stored_twice_and_all_below_the_watermark_is_settled()
            assert set(self.store.stored) == set(range(self.sent)) - self.poison
        self.loop.close()


TestIntents = Intents.TestCase
TestIntents.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


def test_fenced_is_what_stops_an_old_owner() -> None:
    """The model's last rule means something only if commits of old owners are refused."""
    machine = Intents()
    machine.begin()
    machine.send([b"good"])
    old, machine.consumer = machine.consumer, machine.do(machine._take_over())
    try:
        machine.do(old.commit({PARTITION: Batch(machine.bus._log(PARTITION)).intent}))
    except Fenced:
        machine.teardown()
    else:
        raise AssertionError("an old owner may commit")
