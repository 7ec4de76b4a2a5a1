"""Group changes, handed from aiokafka's background task to whoever polls.

aiokafka rebalances in a task of its own. The bus promises that listeners run inside `poll`, while
what is revoked is still owned, so a revocation waits here until `poll` has dealt with it; the group
waits, too, until `max_poll_seconds` have passed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiokafka import ConsumerRebalanceListener

from sightline_core.bus.protocol import TopicPartition

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiokafka import AIOKafkaConsumer


@dataclass(frozen=True, slots=True)
class Membership:
    """What a commit must show to be taken: who commits, and since which rebalance."""

    generation: int
    member_id: str


@dataclass(slots=True)
class Change:
    """One step of a rebalance.

    Attributes:
        membership: valid from now on; None: the partitions are being revoked.
        done: set when the listener has returned.
    """

    partitions: frozenset[TopicPartition]
    membership: Membership | None
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Changes(ConsumerRebalanceListener):  # type: ignore[misc]
    """The queue between the two; a listener of one aiokafka consumer."""

    def __init__(self, consumer: AIOKafkaConsumer, wake: asyncio.Event) -> None:
        self._consumer = consumer
        self._wake = wake
        self._open = True
        self.pending: deque[Change] = deque()
        self.joined = False
        """Between an assignment and the next revocation."""

    async def on_partitions_revoked(self, revoked: Iterable[tuple[str, int]]) -> None:
        """Wait until `poll` has given them up."""
        self.joined = False
        if self._open:
            change = Change(_partitions(revoked), None)
            self._add(change)
            await change.done.wait()

    async def on_partitions_assigned(self, assigned: Iterable[tuple[str, int]]) -> None:
        """Note it; waiting would keep aiokafka from its heartbeats."""
        if self._open:
            coordinator = self._consumer._coordinator  # noqa: SLF001 - known nowhere else
            membership = Membership(coordinator.generation, coordinator.member_id)
            self._add(Change(_partitions(assigned), membership))
            self.joined = True

    def close(self) -> None:
        """Let aiokafka go on without anybody polling."""
        self._open = False
        for change in self.pending:
            change.done.set()
        self.pending.clear()

    def _add(self, change: Change) -> None:
        self.pending.append(change)
        self._wake.set()


def _partitions(found: Iterable[tuple[str, int]]) -> frozenset[TopicPartition]:
    return frozenset(TopicPartition(topic, partition) for topic, partition in found)
