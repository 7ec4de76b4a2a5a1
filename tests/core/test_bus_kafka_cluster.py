"""Three nodes, three replicas: one of them is killed and stays dead, and everything goes on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.broker.cluster import KafkaCluster

from sightline_core.bus.kafka.bus import KafkaBus
from sightline_core.bus.kafka.options import KafkaOptions
from sightline_core.bus.protocol import Committed, Message, TopicPartition
from sightline_core.errors import BusUnavailable, Fenced

if TYPE_CHECKING:
    from pathlib import Path

    from sightline_core.bus.protocol import Consumer

DEADLINE = 60.0
TOPIC = "spans"


@pytest.mark.timeout(180)
async def test_a_node_that_dies_takes_nothing_along(tmp_path: Path) -> None:
    with KafkaCluster(tmp_path / "kafka", size=3) as kafka:
        options = KafkaOptions(
            bootstrap_servers=kafka.bootstrap,
            session_timeout_seconds=6,
            request_timeout_seconds=5,
            metadata_seconds=1,
        )
        bus = KafkaBus(options)
        await bus.create_topic(TOPIC, partitions=3)  # three partitions, so every node leads one
        acknowledged: dict[tuple[int, int], bytes] = {}
        for number in range(30):
            await send(bus, number, acknowledged)
        seen: set[bytes] = set()
        consumer = bus.consumer("g", [TOPIC])
        await read(consumer, seen, acknowledged)

        kafka.nodes[0].kill()
        for number in range(30, 60):
            await send(bus, number, acknowledged)
        await read(consumer, seen, acknowledged)

        for partition in range(3):
            at = TopicPartition(TOPIC, partition)
            end = (await bus.lag("g", TOPIC))[partition].end
            held = {(partition, r.offset): r.value for r in await bus.read(at, 0, end - 1)}
            mine = {key: value for key, value in acknowledged.items() if key[0] == partition}
            assert {key: held.get(key) for key in mine} == mine
            await commit(consumer, at, Committed(end, "done"))
            assert await consumer.committed(at) == Committed(end, "done")
        await bus.close()


async def send(bus: KafkaBus, number: int, acknowledged: dict[tuple[int, int], bytes]) -> None:
    value = b"%d" % number
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                position = await bus.send(TOPIC, Message(value), partition=number % 3)
            except BusUnavailable:
                await asyncio.sleep(0.05)
            else:
                acknowledged[position.partition, position.offset] = value
                return


async def read(consumer: Consumer, seen: set[bytes], wanted: dict[tuple[int, int], bytes]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not set(wanted.values()) <= seen:
            try:
                for batch in (await consumer.poll(timeout=0.2)).values():
                    seen |= {record.value for record in batch}
            except BusUnavailable:
                await asyncio.sleep(0.05)


async def commit(consumer: Consumer, partition: TopicPartition, progress: Committed) -> None:
    """Commit as the pipeline does: again while the group comes together on another node."""
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                await consumer.commit({partition: progress})
            except (BusUnavailable, Fenced):
                await consumer.poll(timeout=0.1)
            else:
                return
