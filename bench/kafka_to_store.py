"""How fast pipeline processes empty Kafka into a store that is a process of its own, over HTTP.

Run as `python -m bench.kafka_to_store SIGNAL RECORDS PIPELINES`. The broker, the store and each
pipeline are processes; all their cores are this machine's. Prints one JSON object.

The rate counts from the first batch that is done, so that starting and joining do not count; the
time to drain counts from the start of the pipelines.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.fill_kafka import RECORDS_PER_MESSAGE
from bench.kafka_processes import (
    Meter,
    broker,
    component,
    end_when_told,
    in_own_process,
    kafka_environment,
    kafka_settings,
    progress,
    store_process,
)
from sightline_core.bus.kafka.bus import KafkaBus
from sightline_core.wire.names import PIPELINE_GROUP, Signal

if TYPE_CHECKING:
    from tests.broker.cluster import KafkaCluster

POLL_SECONDS = 0.25
SLOWEST_RECORDS_PER_SECOND = 5_000
START_SECONDS = 120


def measure(signal: Signal, records: int, pipelines: int, directory: Path) -> dict[str, Any]:
    """Fill Kafka, start the pipelines, drain."""
    with broker(directory) as kafka, store_process(directory) as (store, url):
        progress(f"filling Kafka with {records:,} {signal}")
        filled = in_own_process("bench.fill_kafka", signal, str(records), kafka.bootstrap)
        environment = {**kafka_environment(kafka), "SIGHTLINE_CLICKHOUSE_URL": url}
        meters = {"store": Meter(store.process.pid), "broker": Meter(kafka.nodes[0].pid)}
        started = time.perf_counter()
        with contextlib.ExitStack() as stack:
            processes = [
                stack.enter_context(component(f"pipeline-{n}", directory, environment, "pipeline"))
                for n in range(pipelines)
            ]
            for process in processes:
                process.wait_said("is running;")
            # Importing and connecting is not what a record costs; the group still gathers.
            workers = [Meter(process.process.pid) for process in processes]
            rate = asyncio.run(_drain(kafka, signal, filled["records"]))
            wall = time.perf_counter() - started
            millions = filled["records"] / 1e6
            return {
                "signal": signal,
                "pipelines": pipelines,
                "records": filled["records"],
                "records_per_second": rate,
                "drain_seconds": round(wall, 1),
                "cpu_seconds_per_million": {
                    "pipelines": round(sum(one.seconds for one in workers) / millions, 2),
                    "store": round(meters["store"].seconds / millions, 2),
                    "broker": round(meters["broker"].seconds / millions, 2),
                },
                "pipeline_peak_mb": [one.peak_mb for one in workers],
                "store_peak_mb": meters["store"].peak_mb,
            }


async def _drain(kafka: KafkaCluster, signal: Signal, records: int) -> int:
    """Wait until all is committed; return records a second after the first commit."""
    bus = KafkaBus.from_settings(kafka_settings(kafka))
    deadline = time.monotonic() + START_SECONDS + records / SLOWEST_RECORDS_PER_SECOND
    first: tuple[float, int] | None = None
    said = 0.0
    try:
        while True:
            lags = list(await bus.lag(PIPELINE_GROUP, signal.topic))
            pending, now = sum(lag.messages for lag in lags), time.monotonic()
            if first is None and pending * RECORDS_PER_MESSAGE < records:
                first = (now, pending)
            if not pending and first is not None:
                seconds = now - first[0]
                return round(first[1] * RECORDS_PER_MESSAGE / seconds) if seconds else 0
            if now > deadline:
                raise TimeoutError(f"cannot drain {signal.topic}: {pending} messages are left")
            if now > said + 10:
                progress(f"{pending * RECORDS_PER_MESSAGE:,} {signal} wait on Kafka")
                said = now
            await asyncio.sleep(POLL_SECONDS)
    finally:
        await bus.close()


if __name__ == "__main__":
    end_when_told()
    with tempfile.TemporaryDirectory(prefix="sightline-bench-") as path:
        print(
            json.dumps(measure(Signal(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(path)))
        )
