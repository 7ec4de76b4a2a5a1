"""Dead letters on Kafka, with store, API and pipelines as processes of their own."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
from collections import Counter
from typing import TYPE_CHECKING, Any, Self

import httpx
import pytest
from tests.broker.cluster import KafkaCluster
from tests.end_to_end.running import SIGHTLINE, environment

from sightline_core.bus.kafka.bus import KafkaBus
from sightline_core.bus.kafka.options import KafkaOptions
from sightline_core.bus.protocol import Message, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping
    from pathlib import Path

LETTERS = 60
SENT_BEFORE_THE_END = 11
SECONDS = 60.0


class Process:
    """A command of `sightline` that runs; the first line that it prints has its address."""

    def __init__(self, directory: Path, settings: Mapping[str, str], *words: str) -> None:
        """Start it and wait for that line."""
        self._said = directory / f"{words[0]}.stderr"
        with self._said.open("a") as said:
            self.process = subprocess.Popen(
                [str(SIGHTLINE), *words], env=environment(settings), cwd=directory,
                stdout=subprocess.PIPE, stderr=said, text=True,
            )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r"http://\S+", line)
        if found is None:
            self.process.kill()
            raise AssertionError(f"{words}: {line}{self._said.read_text()}")
        self.url = found[0]

    def __enter__(self) -> Self:
        """End it on leaving the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Kill it, if it still runs."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """One of its own: the processes use the names of topics and groups that everybody uses."""
    with KafkaCluster(tmp_path_factory.mktemp("kafka") / "redrive") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def settings(
    broker: KafkaCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    directory = tmp_path_factory.mktemp("store")
    common = {
        "SIGHTLINE_BUS": "kafka",
        "SIGHTLINE_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
        "SIGHTLINE_KAFKA_SESSION_TIMEOUT_SECONDS": "1.5",
        "SIGHTLINE_DEAD_LETTER_TOPICS": json.dumps({"orders.dlq": "orders"}),
    }
    with Process(directory, {}, "store", "--data-dir", str(directory), "--port", "0") as store:
        yield {**common, "SIGHTLINE_CLICKHOUSE_URL": store.url}


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    try:
        async with asyncio.timeout(SECONDS):
            while not await condition():  # noqa: ASYNC110 - asks other processes
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise AssertionError(f"{what}: not within {SECONDS} s") from error


async def received(bus: KafkaBus) -> list[bytes]:
    """Return what came into the application's topic."""
    return [
        record.value
        for lag in await bus.lag("nobody", "orders")
        if lag.end
        for record in await bus.read(TopicPartition("orders", lag.partition), 0, lag.end - 1)
    ]


async def finished(client: httpx.AsyncClient, identity: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    async def ended() -> bool:
        found.update((await client.get(f"/redrives/{identity}")).json())
        return found["state"] not in ("waiting", "running")

    await until(ended, "the redrive")
    return found


def dlq(api: Process, *words: str, code: int = 0) -> Any:
    """Run `sightline dlq` as people do; return what it prints."""
    command = [str(SIGHTLINE), "dlq", *words, "--endpoint", api.url, "--output", "json"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


async def test_a_pipeline_is_killed_amid_a_redrive_and_another_sends_the_rest_once(
    broker: KafkaCluster, settings: dict[str, str], tmp_path: Path
) -> None:
    bus = KafkaBus(KafkaOptions(bootstrap_servers=broker.bootstrap))
    await bus.create_topic("orders", partitions=2)
    await bus.create_topic("orders.dlq", partitions=1)
    for number in range(LETTERS):
        await bus.send("orders.dlq", Message(b"order %d" % number, b"key %d" % number))
    with (
        Process(tmp_path, settings, "api", "--port", "0") as api,
        Process(tmp_path, settings, "pipeline") as first,
    ):
        async with httpx.AsyncClient(base_url=f"{api.url}/api/v1", trust_env=False) as client:

            async def indexed() -> bool:
                answer = await client.get("/dead-letters", params={"topic": "orders"})
                return len(answer.json()["items"]) == LETTERS

            await until(indexed, "the index")
            trial = dlq(api, "redrive", "--topic", "orders", "--dry-run")
            assert (trial["letters"], trial["topics"]) == (LETTERS, {"orders": LETTERS})
            asked = dlq(api, "redrive", "--topic", "orders", "--rate", "20", "--yes", "--no-wait")

            async def begun() -> bool:
                return len(await received(bus)) >= SENT_BEFORE_THE_END

            await until(begun, "the first messages")
            first.process.send_signal(signal.SIGKILL)
            first.process.wait()
            assert len(await received(bus)) < LETTERS, "killed in the middle"

            with Process(tmp_path, settings, "pipeline"):
                done = await finished(client, asked["id"])
        assert [one["id"] for one in dlq(api, "history")["items"]] == [asked["id"]]
        assert dlq(api, "list", code=3)["items"] == [], "none is dead"
        assert dlq(api, "redrive", "--topic", "orders", "--dry-run", code=3)["letters"] == 0
    assert (done["state"], done["total"], done["done"]) == ("done", LETTERS, LETTERS)
    assert Counter(await received(bus)) == {b"order %d" % number: 1 for number in range(LETTERS)}
    await bus.close()
