"""The bus: durable, partitioned, ordered logs of messages between components.

This module is the contract. `sightline_core.bus.embedded` implements it on one SQLite file; Kafka
implements it for the distributed topology. `tests/contracts` is the one suite that both
must pass; whatever it does not pin down, callers must not rely on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class TopicPartition(NamedTuple):
    """One ordered log."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Message:
    """What a producer hands over.

    Attributes:
        value: the payload, any bytes; never changed on the way.
        key: messages of one key go to one partition, in the order they were sent.
        headers: names with byte values, in order; a name may repeat.
    """

    value: bytes
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """What a consumer receives: the message and where it stands.

    Attributes:
        timestamp_ms: when the bus took it, unix milliseconds.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    value: bytes
    key: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    def header(self, name: str) -> bytes | None:
        """Return the first header of that name."""
        return next((value for key, value in self.headers if key == name), None)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a sent message stands: it is durable once this is returned."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Committed:
    """A group's progress in one partition.

    Attributes:
        offset: the next offset to be processed; everything below it is done.
        metadata: free text kept with it, atomically (design D4 keeps the insert intent here).
    """

    offset: int
    metadata: str = ""


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a group is behind in one partition.

    Attributes:
        committed: the group's next offset (the earliest held one if it never committed).
        end: the offset the next message will get.
        oldest_pending_ms: bus timestamp of the first pending message; None: nothing is pending.
    """

    topic: str
    partition: int
    committed: int
    end: int
    oldest_pending_ms: int | None

    @property
    def messages(self) -> int:
        """Messages not yet processed."""
        return max(0, self.end - self.committed)


class RebalanceListener(Protocol):
    """Told about ownership. Called from `Consumer.poll`, never concurrently with itself.

    `on_revoked` runs while the partitions are still owned: finish or abandon their work and commit
    there. After it returns, commits for them raise `Fenced`. (Whoever did not poll for minutes has
    lost its partitions already: there, too, commits raise `Fenced`.)
    """

    async def on_assigned(self, partitions: frozenset[TopicPartition]) -> None:
        """Take over; the first records come from the group's committed offsets."""

    async def on_revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Give up."""


class Consumer(Protocol):
    """One member of a consumer group. Used by one task at a time, except `commit`.

    A new group starts at the earliest offset held. Records of a partition come in offset order,
    without gaps other than those made by retention or compaction; two members of a group never own
    one partition at once.
    """

    @property
    def assignment(self) -> frozenset[TopicPartition]:
        """The partitions owned now."""

    async def poll(
        self,
        *,
        max_bytes: int = 8 << 20,
        timeout: float = 1.0,  # noqa: ASYNC109
    ) -> Mapping[TopicPartition, Sequence[Record]]:
        """Return the next records of the owned, unpaused partitions.

        Waits up to `timeout` seconds for the first record, then returns what is there, about
        `max_bytes` of values at most (a larger single record is returned alone). Returns an empty
        mapping when nothing came. Rebalances happen inside this call.

        Raises:
            OffsetOutOfRange: the position of a partition is no longer held; it names the partition
                and the `nearest` offset to seek to. Nothing was returned, no position has moved.
            BusUnavailable: try again; positions are unchanged.
        """

    def pause(self, partition: TopicPartition) -> None:
        """Return no records of it until `resume`; ownership stays, and so must the polling.

        Losing the partition ends the pause. Ignored for a partition that is not owned.
        """

    def resume(self, partition: TopicPartition) -> None:
        """Undo `pause`."""

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read on from `offset`.

        Raises:
            Fenced: the partition is not owned.
        """

    async def commit(self, offsets: Mapping[TopicPartition, Committed]) -> None:
        """Store progress durably; all of it or none.

        Raises:
            Fenced: a partition is not owned any more.
            BusUnavailable, BusFull: not stored, or unknown; commit again.
        """

    async def committed(self, partition: TopicPartition) -> Committed | None:
        """Return the group's stored progress; None before the first commit."""

    async def close(self) -> None:
        """Leave the group; runs `on_revoked` first. Safe to call twice."""


class Bus(Protocol):
    """A set of topics.

    Delivery is at least once: a message whose `send` returned is never lost by the bus while
    retention holds it; a `send` that raised `BusUnavailable` may have been written.
    """

    @property
    def max_message_bytes(self) -> int:
        """The largest message that `send` takes: value, key, headers and their framing.

        Framing is below 100 bytes plus 10 a header. Topics named `*.dlq` take 64 KiB more, so
        that a message that fills it can be dead-lettered.
        """

    async def create_topic(self, topic: str, *, partitions: int) -> None:
        """Make the topic, or grow it to that many partitions; never shrinks, never deletes.

        Raises:
            BusError: the name or the number is not possible.
            BusUnavailable, BusFull: not made, or unknown; try again.
        """

    async def partitions(self, topic: str) -> int:
        """Return how many partitions the topic has; 0 when there is no such topic."""

    async def send(self, topic: str, message: Message, *, partition: int | None = None) -> Position:
        """Append and return once the message is durable.

        Without `partition`, the key decides (equal keys, equal partition: murmur2 as Kafka's
        default partitioner); without a key the bus spreads messages as it likes. Concurrent
        sends are committed together. An unknown topic is created with one partition.

        Raises:
            MessageTooLarge: never written; split it.
            BusError: `partition` does not exist, or the bus is closed.
            BusFull: not written; retry later.
            BusUnavailable: unknown whether written, and it may still be written later; a retry
                can therefore stand in the log twice.
        """

    def consumer(
        self, group: str, topics: Sequence[str], listener: RebalanceListener | None = None
    ) -> Consumer:
        """Return a member of `group`; it joins on its first `poll`."""

    async def read(self, partition: TopicPartition, first: int, last: int) -> Sequence[Record]:
        """Return exactly the held records with `first <= offset <= last`, without a group.

        Raises:
            OffsetOutOfRange: part of the range is not held.
        """

    async def lag(self, group: str, topic: str) -> Sequence[Lag]:
        """Return the group's lag, one entry per partition of the topic, in order."""

    async def close(self) -> None:
        """Flush and release everything. Safe to call twice."""
