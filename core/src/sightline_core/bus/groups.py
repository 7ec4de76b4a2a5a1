"""Consumer groups whose members live in one process, over any partitioned log.

A change of members or topics computes a new *target*. Each member works towards it inside its own
`poll`: it first gives up what is not its target any more (`on_revoked`, then release), and takes
what is, once nobody owns it. So a partition never has two owners, and a member keeps working on
the partitions that do not move. A member that has not polled for `max_poll_seconds` is expelled by
any other that polls: its commits raise `Fenced`, its next `poll` joins again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from sightline_core.bus.protocol import Committed, Record, TopicPartition
from sightline_core.errors import BusError, Fenced, OffsetOutOfRange

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sightline_core.bus.protocol import RebalanceListener
    from sightline_core.bus.pulse import Pulse


class PartitionedLog(Protocol):
    """What a group needs from the bus below it."""

    @property
    def pulse(self) -> Pulse:
        """Beats when messages, topics, groups or the bus's being open have changed."""

    def check_open(self) -> None:
        """Raise `BusError` after the bus was closed."""

    def partition_count(self, topic: str) -> int:
        """Return 0 for an unknown topic."""

    def bounds(self, partition: TopicPartition) -> tuple[int, int]:
        """Return the first offset held and the one that the next message gets."""

    async def fetch(
        self, partition: TopicPartition, first: int, max_bytes: int
    ) -> Sequence[Record]:
        """Return records from `first` on: one, and more while their bytes stay in `max_bytes`."""

    def stored(self, group: str, partition: TopicPartition) -> Committed | None:
        """Return durable progress."""

    async def store(self, group: str, offsets: Mapping[TopicPartition, Committed]) -> None:
        """Make progress durable."""

    async def subscribe(self, group: str, topics: Sequence[str]) -> None:
        """Remember durably that the group wants these topics; retention waits for it."""


class Group:
    """Who belongs to a group, who shall own what, who owns what."""

    def __init__(self, pulse: Pulse, log: PartitionedLog) -> None:
        self._pulse = pulse
        self._log = log
        self._members: list[GroupConsumer] = []
        self._target: dict[TopicPartition, GroupConsumer] = {}
        self._owner: dict[TopicPartition, GroupConsumer] = {}
        self._commits_running: Counter[TopicPartition] = Counter()

    @property
    def has_members(self) -> bool:
        """Whether anybody has joined and not left."""
        return bool(self._members)

    def join(self, member: GroupConsumer) -> None:
        """Add a member, unless it is one."""
        if member not in self._members:
            self._members.append(member)
            self.rebalance()

    def leave(self, member: GroupConsumer) -> None:
        """Remove a member and what it owns."""
        self._owner = {key: owner for key, owner in self._owner.items() if owner is not member}
        if member in self._members:
            self._members.remove(member)
            self.rebalance()

    def rebalance(self) -> None:
        """Compute who shall own what: evenly, round robin over all topics."""
        self._target = {}
        dealt = Counter[GroupConsumer]()
        for topic in sorted({topic for member in self._members for topic in member.topics}):
            wanting = [member for member in self._members if topic in member.topics]
            for number in range(self._log.partition_count(topic)):
                member = min(wanting, key=lambda candidate: dealt[candidate])
                dealt[member] += 1
                self._target[TopicPartition(topic, number)] = member
        self._pulse.beat()

    def owns(self, member: GroupConsumer, partition: TopicPartition) -> bool:
        """Say whether `member` owns the partition now."""
        return self._owner.get(partition) is member

    def unwanted(
        self, member: GroupConsumer, owned: frozenset[TopicPartition]
    ) -> frozenset[TopicPartition]:
        """Return what the member must give up, and what it has lost already."""
        return frozenset(
            key
            for key in owned
            if self._target.get(key) is not member or not self.owns(member, key)
        )

    def release(self, member: GroupConsumer, partitions: frozenset[TopicPartition]) -> None:
        """Give partitions up."""
        for partition in partitions:
            if self.owns(member, partition):
                del self._owner[partition]
        self._pulse.beat()

    def claim(self, member: GroupConsumer) -> frozenset[TopicPartition]:
        """Take the targets that nobody owns and nobody is still committing for."""
        free = frozenset(
            key
            for key, wanted in self._target.items()
            if wanted is member and key not in self._owner and not self._commits_running[key]
        )
        self._owner.update(dict.fromkeys(free, member))
        return free

    def expel_idle(self, watcher: GroupConsumer) -> float:
        """Expel members that do not poll; return seconds until `watcher` should look again."""
        left = {member: member.seconds_left() for member in self._members if member is not watcher}
        for member in (member for member, seconds in left.items() if seconds <= 0):
            self.leave(member)
        return max(0.0, min(left.values(), default=inf))

    def commit_started(self, partitions: Sequence[TopicPartition]) -> None:
        """Hold the partitions back from new owners."""
        self._commits_running.update(partitions)

    def commit_ended(self, partitions: Sequence[TopicPartition]) -> None:
        """Undo `commit_started`."""
        self._commits_running.subtract(partitions)
        self._pulse.beat()


class GroupCoordinator:
    """All groups of one bus."""

    def __init__(self, log: PartitionedLog, max_poll_seconds: float) -> None:
        self._log = log
        self._max_poll_seconds = max_poll_seconds
        self._groups: dict[str, Group] = {}

    def consumer(
        self, group: str, topics: Sequence[str], listener: RebalanceListener | None
    ) -> GroupConsumer:
        """Return a member that joins on its first poll."""
        if group not in self._groups:
            self._groups[group] = Group(self._log.pulse, self._log)
        return GroupConsumer(
            self._log,
            (group, self._groups[group]),
            frozenset(topics),
            listener,
            max_poll_seconds=self._max_poll_seconds,
        )

    def check_abandoned(self, group: str) -> None:
        """Raise `BusError` if the group has members."""
        known = self._groups.get(group)
        if known is not None and known.has_members:
            raise BusError(f"cannot forget group {group}: it has members; stop them first")

    def topics_changed(self) -> None:
        """Deal new partitions out."""
        for group in self._groups.values():
            group.rebalance()


class GroupConsumer:
    """Implements `sightline_core.bus.protocol.Consumer`."""

    def __init__(
        self,
        log: PartitionedLog,
        group: tuple[str, Group],
        topics: frozenset[str],
        listener: RebalanceListener | None,
        *,
        max_poll_seconds: float,
    ) -> None:
        self.topics = topics
        self._log = log
        self._name, self._group = group
        self._listener = listener
        self._max_poll_seconds = max_poll_seconds
        self._positions: dict[TopicPartition, int] = {}
        self._announced: frozenset[TopicPartition] = frozenset()
        self._paused: set[TopicPartition] = set()
        self._turn = 0
        self._polling = False
        self._last_poll = monotonic()
        self._closed = False

    @property
    def assignment(self) -> frozenset[TopicPartition]:
        """See `Consumer.assignment`."""
        return frozenset(self._positions)

    def seconds_left(self) -> float:
        """Return how long this member may go on without polling."""
        if self._polling:
            return self._max_poll_seconds
        return self._last_poll + self._max_poll_seconds - monotonic()

    async def poll(
        self,
        *,
        max_bytes: int = 8 << 20,
        timeout: float = 1.0,  # noqa: ASYNC109 - waiting is part of the contract, not a guard
    ) -> Mapping[TopicPartition, Sequence[Record]]:
        """See `Consumer.poll`."""
        if self._closed:
            raise BusError(f"cannot poll as group {self._name}: this consumer is closed")
        deadline = monotonic() + timeout
        self._polling = True
        try:
            await self._log.subscribe(self._name, sorted(self.topics))
            while True:
                beat = self._log.pulse.next_beat()
                look_again = self._group.expel_idle(self)
                await self._rebalance()
                if fetched := await self._fetch(max_bytes):
                    return fetched
                left = deadline - monotonic()
                if left <= 0:
                    await asyncio.sleep(0)  # a loop of such polls must not starve the others
                    return {}
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(left, look_again)):
                        await beat.wait()
        finally:
            self._polling = False
            self._last_poll = monotonic()

    def pause(self, partition: TopicPartition) -> None:
        """See `Consumer.pause`."""
        if partition in self._positions:
            self._paused.add(partition)

    def resume(self, partition: TopicPartition) -> None:
        """See `Consumer.resume`."""
        self._paused.discard(partition)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """See `Consumer.seek`."""
        if partition not in self._positions:
            raise Fenced(
                f"cannot seek in {_name(partition)}: "
                f"this member of group {self._name} does not own it"
            )
        self._positions[partition] = offset

    async def commit(self, offsets: Mapping[TopicPartition, Committed]) -> None:
        """See `Consumer.commit`."""
        self._log.check_open()
        for partition in offsets:
            if not self._group.owns(self, partition):
                raise Fenced(
                    f"cannot commit {_name(partition)} as group {self._name}: "
                    "the partition is not owned by this member any more"
                )
        partitions = list(offsets)
        self._group.commit_started(partitions)
        storing = asyncio.ensure_future(self._log.store(self._name, dict(offsets)))
        storing.add_done_callback(lambda _: self._group.commit_ended(partitions))
        await asyncio.shield(storing)  # a cancelled caller does not undo what is being written

    async def committed(self, partition: TopicPartition) -> Committed | None:
        """See `Consumer.committed`."""
        self._log.check_open()
        return self._log.stored(self._name, partition)

    async def close(self) -> None:
        """See `Consumer.close`."""
        if self._closed:
            return
        self._closed = True
        try:
            await self._revoke(frozenset(self._positions))
        finally:
            self._positions.clear()
            self._group.leave(self)

    async def _rebalance(self) -> None:
        self._log.check_open()
        self._group.join(self)
        if unwanted := self._group.unwanted(self, self.assignment):
            await self._revoke(unwanted)
        for partition in self._group.claim(self):
            stored = self._log.stored(self._name, partition)
            self._positions[partition] = stored.offset if stored else self._log.bounds(partition)[0]
        if fresh := self.assignment - self._announced:
            if self._listener is not None:
                await self._listener.on_assigned(fresh)
            self._announced |= fresh

    async def _revoke(self, partitions: frozenset[TopicPartition]) -> None:
        told = partitions & self._announced
        if told and self._listener is not None:
            await self._listener.on_revoked(told)
        for partition in partitions:
            del self._positions[partition]
        self._announced -= partitions
        self._paused -= partitions
        self._group.release(self, partitions)

    async def _fetch(self, max_bytes: int) -> dict[TopicPartition, Sequence[Record]]:
        ready = sorted(key for key in self._positions if key not in self._paused)
        fetched: dict[TopicPartition, Sequence[Record]] = {}
        room = max_bytes
        for index in range(len(ready)):
            partition = ready[(self._turn + index) % len(ready)]
            position = self._positions[partition]
            if not self._has_news(partition, position):
                continue
            records = await self._log.fetch(partition, position, room)
            size = sum(len(record.value) for record in records)
            if fetched and size > room:
                break  # a large record waits for a poll of its own
            fetched[partition] = records
            room -= size
            if room < max_bytes // 2:
                break  # what is left would rarely do for a record, read in vain
        self._turn += 1
        for partition, records in fetched.items():
            self._positions[partition] = records[-1].offset + 1
        return fetched

    def _has_news(self, partition: TopicPartition, position: int) -> bool:
        start, end = self._log.bounds(partition)
        if not start <= position <= end:
            raise OffsetOutOfRange(
                f"cannot read {_name(partition)} from offset {position}: "
                f"it holds {start} to {end - 1}; seek to an offset that is held",
                partition=partition,
                nearest=start if position < start else end,
            )
        return position < end


def _name(partition: TopicPartition) -> str:
    return f"{partition.topic}-{partition.partition}"
