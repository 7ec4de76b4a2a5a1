"""`kill -9` at random moments: what was acknowledged is there exactly once, in order."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from sightline_core.bus.embedded import EmbeddedBus
from sightline_core.bus.protocol import Committed, TopicPartition

if TYPE_CHECKING:
    from pathlib import Path

    from sightline_core.bus.protocol import Record

PRODUCER = """
import asyncio, os, random, sys
from pathlib import Path
from sightline_core.bus.embedded import EmbeddedBus
from sightline_core.bus.protocol import Committed, Message

def tell(line):
    os.write(1, line.encode() + b"\\n")  # one write: a line is whole or absent

async def produce(bus, run, sender):
    for number in range(1_000_000):
        name = f"{run}.{sender}.{number}"
        source = random.Random(name)
        value = name.encode() + b"|" + source.randbytes(source.choice([0, 100, 5_000, 60_000]))
        position = await bus.send("spans", Message(value), partition=sender % 2)
        tell(f"ack {position.partition} {position.offset} {name}")

async def consume(bus):
    consumer = bus.consumer("g", ["spans"])
    while True:
        for partition, records in (await consumer.poll(max_bytes=200_000)).items():
            offset = records[-1].offset + 1
            await consumer.commit({partition: Committed(offset, f"intent {offset}")})
            tell(f"commit {partition.partition} {offset} -")

async def main():
    bus = EmbeddedBus(Path(sys.argv[1]))
    await bus.create_topic("spans", partitions=2)
    tell("ready 0 0 -")
    await asyncio.gather(consume(bus), *(produce(bus, sys.argv[2], sender) for sender in range(6)))

asyncio.run(main())
"""


@dataclass
class Told:
    """What the killed processes had said before they died."""

    acked: dict[tuple[int, int], str] = field(default_factory=dict)
    committed: dict[int, int] = field(default_factory=dict)

    def hear(self, output: bytes) -> None:
        for kind, partition, offset, name in re.findall(
            r"(\w+) (\d+) (\d+) (\S+)\n", output.decode()
        ):
            if kind == "ack":
                assert (int(partition), int(offset)) not in self.acked, "an offset was given twice"
                self.acked[int(partition), int(offset)] = name
            elif kind == "commit":
                self.committed[int(partition)] = int(offset)


def run_and_kill(directory: Path, run: int, seconds: float) -> bytes:
    with subprocess.Popen(
        [sys.executable, "-c", PRODUCER, str(directory), str(run)], stdout=subprocess.PIPE
    ) as producer:
        assert producer.stdout is not None
        assert producer.stdout.readline().startswith(b"ready")
        time.sleep(seconds)  # the moment of death, not synchronisation
        producer.kill()
        return producer.stdout.read()


def name_of(record: Record) -> str:
    name, _, rest = record.value.partition(b"|")
    source = random.Random(name.decode())
    assert rest == source.randbytes(source.choice([0, 100, 5_000, 60_000])), "damaged value"
    return name.decode()


async def check(directory: Path, told: Told) -> None:
    bus = EmbeddedBus(directory)
    found: dict[tuple[int, int], str] = {}
    for number in range(2):
        partition = TopicPartition("spans", number)
        start, end = bus.bounds(partition)
        assert start == 0
        for record in await bus.read(partition, 0, end - 1):
            found[number, record.offset] = name_of(record)
        names = [found[number, offset] for offset in range(end)]  # gapless
        assert len(set(names)) == len(names), "exactly once"
        last: dict[str, int] = {}
        for sender, _, count in (name.rpartition(".") for name in names):
            assert int(count) == last.get(sender, -1) + 1, "in order"
            last[sender] = int(count)
        progress = bus.stored("g", partition) or Committed(0)
        assert progress.offset >= told.committed.get(number, 0)
        assert progress.metadata in ("", f"intent {progress.offset}")
    assert {key: found.get(key) for key in told.acked} == told.acked
    await bus.close()


async def survive(directory: Path, kills: int, seed: int) -> None:
    print(f"seed {seed}")  # noqa: T201
    moments = random.Random(seed)
    told = Told()
    for run in range(kills):
        told.hear(run_and_kill(directory, run, moments.uniform(0.0, 0.3)))
        await check(directory, told)
    assert told.acked
    assert told.committed
    print(f"{len(told.acked)} acknowledged messages")  # noqa: T201


async def test_acknowledged_messages_survive_kills_at_random_moments(tmp_path: Path) -> None:
    await survive(tmp_path, 10, random.randrange(1 << 32))


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_acknowledged_messages_survive_a_hundred_kills(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    for series in range(10):
        await survive(tmp_path / str(series), 10, seed + series)
