"""The broker of the tests: it keeps what it took, and it never outlives the test run."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from tests.broker.cluster import KafkaCluster

if TYPE_CHECKING:
    from pathlib import Path

STARTER = """
import sys, pathlib
from tests.broker.cluster import KafkaCluster
with KafkaCluster(pathlib.Path(sys.argv[1])) as kafka:
    print(kafka.nodes[0].pid, flush=True)
    sys.stdin.read()
"""


async def send(bootstrap: str, value: bytes) -> int:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        return int((await producer.send_and_wait("t", value, partition=0)).offset)


async def test_what_was_acknowledged_survives_a_stop_and_a_kill(tmp_path: Path) -> None:
    with KafkaCluster(tmp_path / "kafka") as kafka:
        node = kafka.nodes[0]
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic("t", 1, 1)])
        await admin.close()
        assert await send(kafka.bootstrap, b"first") == 0
        node.stop()
        assert not node.running
        node.restart()
        assert await send(kafka.bootstrap, b"second") == 1
        node.kill()
        node.restart()
        consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap)
        async with consumer:
            consumer.assign([TopicPartition("t", 0)])
            await consumer.seek_to_beginning()
            values = [(await consumer.getone()).value for _ in range(2)]
        assert values == [b"first", b"second"]


def test_the_broker_ends_when_its_starter_is_killed(tmp_path: Path) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path / "kafka")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with starter:
        assert starter.stdout is not None
        broker = psutil.Process(int(starter.stdout.readline()))
        starter.kill()
    deadline = time.monotonic() + 20
    while broker.is_running() and broker.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the broker outlived its starter"
        time.sleep(0.02)
