"""Steps that the tests of the bus's contract share.

They hold for Kafka, too: rebalances may take several polls, records may come in any portions.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING

from sightline_core.bus.protocol import Message, Position, Record, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Callable

    from sightline_core.bus.protocol import Bus, Consumer

DEADLINE = 20.0


class Own:
    """Names that no other test uses: a broker is shared."""

    def __init__(self) -> None:
        name = uuid.uuid4().hex[:12]
        self.topic = f"spans-{name}"
        self.group = f"group-{name}"
        self.p0, self.p1 = TopicPartition(self.topic, 0), TopicPartition(self.topic, 1)
        self.both = frozenset({self.p0, self.p1})


class Listener:
    """Remembers what it was told; `revoking` runs inside `on_revoked`."""

    def __init__(self) -> None:
        self.owned: set[TopicPartition] = set()
        self.calls: list[tuple[str, frozenset[TopicPartition]]] = []
        self.revoking: Callable[[frozenset[TopicPartition]], object] | None = None

    async def on_assigned(self, partitions: frozenset[TopicPartition]) -> None:
        self.calls.append(("assigned", partitions))
        self.owned |= partitions

    async def on_revoked(self, partitions: frozenset[TopicPartition]) -> None:
        self.calls.append(("revoked", partitions))
        if self.revoking is not None:
            await self.revoking(partitions)  # type: ignore[misc]
        self.owned -= partitions


async def poll_until(
    condition: Callable[[], bool], *consumers: Consumer, max_bytes: int = 8 << 20
) -> list[Record]:
    """Poll the consumers in turn until the condition holds; return what came."""
    records: list[Record] = []
    async with asyncio.timeout(DEADLINE):
        while not condition():
            for consumer in consumers:
                for batch in (await consumer.poll(max_bytes=max_bytes, timeout=0.05)).values():
                    records += batch
    return records


async def take(consumer: Consumer, count: int, *, max_bytes: int = 8 << 20) -> list[Record]:
    """Poll until `count` records came."""
    records: list[Record] = []
    async with asyncio.timeout(DEADLINE):
        while len(records) < count:
            for batch in (await consumer.poll(max_bytes=max_bytes)).values():
                records += batch
    return records


async def fill(bus: Bus, topic: str, values: list[bytes], partition: int = 0) -> list[Position]:
    return [await bus.send(topic, Message(value), partition=partition) for value in values]


def numbered(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]
