"""The embedded bus against a model of a few lines, driven at random, with restarts."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sightline_core.bus.embedded import EmbeddedBus
from sightline_core.bus.protocol import Committed, Message, TopicPartition
from sightline_core.errors import Fenced, MessageTooLarge, OffsetOutOfRange

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from sightline_core.bus.groups import GroupConsumer

TOPIC = "spans"
LIMIT = 50_000
PARTITIONS = st.integers(0, 2)
MESSAGES = st.builds(
    Message,
    st.binary(max_size=40) | st.integers(0, LIMIT + 100).map(bytes),
    st.none() | st.binary(max_size=4),
    st.lists(st.tuples(st.sampled_from(["a", "ü", ""]), st.binary(max_size=5)), max_size=3).map(
        tuple
    ),
)


class Member:
    """A consumer and where the model says it stands."""

    def __init__(self, machine: BusMachine) -> None:
        self.machine = machine
        self.positions: dict[TopicPartition, int] = {}
        self.paused: set[TopicPartition] = set()
        self.consumer: GroupConsumer = machine.bus.consumer("g", [TOPIC], self)

    async def on_assigned(self, partitions: frozenset[TopicPartition]) -> None:
        for partition in partitions:
            for other in self.machine.members:
                assert partition not in other.positions
            committed = self.machine.committed.get(partition, Committed(0))
            self.positions[partition] = committed.offset

    async def on_revoked(self, partitions: frozenset[TopicPartition]) -> None:
        for partition in partitions:
            del self.positions[partition]
            self.paused.discard(partition)


class BusMachine(RuleBasedStateMachine):
    """Rules act on bus and model alike; what comes back is compared."""

    @initialize()
    def start(self) -> None:
        self.runner = asyncio.Runner()
        self.directory = Path(tempfile.mkdtemp())
        self.logs: list[list[Message]] = []
        self.committed: dict[TopicPartition, Committed] = {}
        self.members: list[Member] = []
        self.open()

    def open(self) -> None:
        self.bus = EmbeddedBus(self.directory, max_message_bytes=LIMIT)

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(coroutine)

    @rule(partitions=st.integers(1, 3))
    def create_topic(self, partitions: int) -> None:
        self.run(self.bus.create_topic(TOPIC, partitions=partitions))
        self.logs += [[] for _ in range(partitions - len(self.logs))]

    @rule(messages=st.lists(MESSAGES, min_size=1, max_size=8), partition=st.none() | PARTITIONS)
    def send(self, messages: list[Message], partition: int | None) -> None:
        if not self.logs:
            self.logs = [[]]
        if partition is not None:
            partition %= len(self.logs)

        async def send_all() -> list[Any]:
            sends = (self.bus.send(TOPIC, message, partition=partition) for message in messages)
            return await asyncio.gather(*sends, return_exceptions=True)

        sent = []
        for message, result in zip(messages, self.run(send_all()), strict=True):
            if isinstance(result, MessageTooLarge):
                assert len(message.value) > LIMIT - 200
            else:
                sent.append((result, message))
        for position, message in sorted(sent, key=lambda pair: pair[0].offset):
            assert partition in (None, position.partition)
            assert position.offset == len(self.logs[position.partition])
            self.logs[position.partition].append(message)

    @precondition(lambda self: len(self.members) < 3)
    @rule()
    def join(self) -> None:
        member = Member(self)
        self.members.append(member)
        self.run(member.consumer.poll(max_bytes=0, timeout=0))
        for partition in member.positions:  # what the poll returned is read again
            member.consumer.seek(partition, member.positions[partition])

    @precondition(lambda self: self.members)
    @rule(index=st.integers(0, 2))
    def leave(self, index: int) -> None:
        member = self.members[index % len(self.members)]
        owned = list(member.positions)
        self.run(member.consumer.close())
        self.members.remove(member)
        assert not member.positions
        if owned:
            with pytest.raises(Fenced):
                self.run(member.consumer.commit({owned[0]: Committed(0)}))

    @precondition(lambda self: self.members)
    @rule(index=st.integers(0, 2), max_bytes=st.integers(0, 3 * LIMIT))
    def poll(self, index: int, max_bytes: int) -> None:
        member = self.members[index % len(self.members)]
        batches = self.run(member.consumer.poll(max_bytes=max_bytes, timeout=0))
        records = [record for batch in batches.values() for record in batch]
        size = sum(len(record.value) for record in records)
        assert size <= max_bytes or len(records) == 1 or not size
        for partition, batch in batches.items():
            assert partition not in member.paused
            for record in batch:
                assert record.offset == member.positions[partition]
                message = self.logs[partition.partition][record.offset]
                assert (record.value, record.key, record.headers) == (
                    message.value,
                    message.key,
                    message.headers,
                )
                member.positions[partition] += 1
        if not batches:
            for partition, position in member.positions.items():
                log = self.logs[partition.partition]
                assert position == len(log) or partition in member.paused

    @precondition(lambda self: self.members)
    @rule(index=st.integers(0, 2), number=PARTITIONS, metadata=st.text(max_size=5))
    def commit(self, index: int, number: int, metadata: str) -> None:
        member = self.members[index % len(self.members)]
        partition = TopicPartition(TOPIC, number)
        progress = Committed(member.positions.get(partition, 0), metadata)
        if partition not in member.positions:
            with pytest.raises(Fenced):
                self.run(member.consumer.commit({partition: progress}))
            return
        self.run(member.consumer.commit({partition: progress}))
        self.committed[partition] = progress

    @precondition(lambda self: self.members)
    @rule(index=st.integers(0, 2), number=PARTITIONS, data=st.data())
    def seek_pause_resume(self, index: int, number: int, data: st.DataObject) -> None:
        member = self.members[index % len(self.members)]
        partition = TopicPartition(TOPIC, number)
        if partition not in member.positions:
            return
        offset = data.draw(st.integers(0, len(self.logs[number])))
        member.consumer.seek(partition, offset)
        member.positions[partition] = offset
        if data.draw(st.booleans()):
            member.consumer.pause(partition)
            member.paused.add(partition)
        else:
            member.consumer.resume(partition)
            member.paused.discard(partition)

    @rule(number=PARTITIONS, first=st.integers(0, 20), count=st.integers(0, 20))
    def read(self, number: int, first: int, count: int) -> None:
        log = self.logs[number] if number < len(self.logs) else []
        partition, last = TopicPartition(TOPIC, number), first + count - 1
        if count and last >= len(log):
            with pytest.raises(OffsetOutOfRange):
                self.run(self.bus.read(partition, first, last))
            return
        records = self.run(self.bus.read(partition, first, last))
        assert [record.value for record in records] == [
            message.value for message in log[first : last + 1]
        ]

    @rule()
    def restart(self) -> None:
        self.run(self.bus.close())
        self.members.clear()
        self.open()

    @invariant()
    def lag_is_what_is_not_committed(self) -> None:
        lags = self.run(self.bus.lag("g", TOPIC))
        assert [(lag.end, lag.committed) for lag in lags] == [
            (len(log), self.committed.get(TopicPartition(TOPIC, number), Committed(0)).offset)
            for number, log in enumerate(self.logs)
        ]
        assert all((lag.oldest_pending_ms is None) == (lag.messages == 0) for lag in lags)

    @invariant()
    def ownership_is_what_listeners_heard(self) -> None:
        for member in self.members:
            assert member.consumer.assignment == frozenset(member.positions)

    def teardown(self) -> None:
        self.run(self.bus.close())
        self.runner.close()
        shutil.rmtree(self.directory)


def test_the_embedded_bus_behaves_like_its_model() -> None:
    run_state_machine_as_test(
        BusMachine,
        settings=settings(max_examples=40, stateful_step_count=30, deadline=None),
    )


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_the_embedded_bus_behaves_like_its_model_for_long() -> None:
    run_state_machine_as_test(
        BusMachine,
        settings=settings(max_examples=1000, stateful_step_count=60, deadline=None),
    )
