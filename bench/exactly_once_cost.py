"""What intents and the ledger cost: the same backlog with them, and without the one or the other.

Run as `python -m bench.exactly_once_cost RECORDS`. Each try is a process of its own over a copy of
one filled bus, merges off, the three in turn; the least CPU of several tries counts, because other
work only ever adds. Prints one JSON object; a cost is a share of the CPU with everything on.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bench.kafka_processes import end_when_told, in_own_process, progress
from sightline_core.bus.embedded import EmbeddedBus
from sightline_core.settings import Settings
from sightline_core.store.client import open_store
from sightline_core.wire.names import PIPELINE_GROUP, Signal
from sightline_pipeline.schema import migrate_store
from sightline_pipeline.service import Pipeline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sightline_core.bus.protocol import (
        Bus,
        Committed,
        Consumer,
        RebalanceListener,
        TopicPartition,
    )

TRIES = 3
VARIANTS = ("everything", "no_intent", "no_ledger")


class _Bus:
    """A bus whose consumers commit no intents."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus, name)

    def consumer(
        self, group: str, topics: Sequence[str], listener: RebalanceListener | None = None
    ) -> Consumer:
        return cast("Consumer", _Consumer(self._bus.consumer(group, topics, listener)))


class _Consumer:
    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)

    async def commit(self, offsets: Mapping[TopicPartition, Committed]) -> None:
        kept = {at: committed for at, committed in offsets.items() if not committed.metadata}
        if kept:
            await self._consumer.commit(kept)


def measure(records: int, directory: Path) -> dict[str, Any]:
    """Return CPU seconds per million of each variant, and the shares."""
    progress(f"filling the bus with {records:,} spans")
    filled = in_own_process("bench.fill_bus", Signal.TRACES, str(records), str(directory / "full"))
    least: dict[str, float] = {}
    for number in range(TRIES):
        for variant in VARIANTS:
            progress(f"{variant}, try {number + 1} of {TRIES}")
            copy = directory / f"{variant}-{number}"
            shutil.copytree(directory / "full", copy)
            cpu = in_own_process("bench.exactly_once_cost", variant, str(copy))["cpu_seconds"]
            least[variant] = min(cpu, least.get(variant, cpu))
            shutil.rmtree(copy)
    whole = least["everything"]
    return {
        "records": filled["records"],
        "tries": TRIES,
        "cpu_seconds_per_million": {
            name: round(cpu / filled["records"] * 1e6, 2) for name, cpu in least.items()
        },
        "intent_cost": f"{1 - least['no_intent'] / whole:.1%}",
        "ledger_cost": f"{1 - least['no_ledger'] / whole:.1%}",
    }


async def drain(variant: str, directory: Path) -> dict[str, float]:
    """Empty the bus in `directory` into a store there; return the CPU seconds of it."""
    settings = Settings(data_dir=directory)
    bus = EmbeddedBus.from_settings(settings)
    store = open_store(settings, ingest_clients=settings.bus_partitions)
    migrate_store(store, settings)
    store.command("SYSTEM STOP MERGES")
    if variant == "no_ledger":
        store.command("DROP TABLE sightline_ledger_spans_mv")
    used = cast("Bus", _Bus(bus)) if variant == "no_intent" else bus
    pipeline = Pipeline(used, store, settings)
    cpu = time.process_time()
    await pipeline.start()
    topic = Signal.TRACES.topic
    while any(lag.messages for lag in list(await bus.lag(PIPELINE_GROUP, topic))):  # noqa: ASYNC110 - the pipeline has no event to wait for
        await asyncio.sleep(0.02)
    cpu = time.process_time() - cpu
    await pipeline.stop()
    await bus.close()
    store.close()
    return {"cpu_seconds": cpu}


if __name__ == "__main__":
    end_when_told()
    if sys.argv[1] in VARIANTS:
        print(json.dumps(asyncio.run(drain(sys.argv[1], Path(sys.argv[2])))))
    else:
        with tempfile.TemporaryDirectory(prefix="sightline-bench-") as path:
            print(json.dumps(measure(int(sys.argv[1]), Path(path))))
