"""How fast the pipeline empties a full bus into the store, and what a record costs there.

Run as `python -m bench.bus_to_store SIGNAL RECORDS`: a process of its own, so that its peak memory
and CPU time are the measured part's alone. Prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightline_core.bus.embedded import EmbeddedBus
from sightline_core.settings import Settings
from sightline_core.store.client import open_store
from sightline_core.wire.names import PIPELINE_GROUP, Signal
from sightline_pipeline.schema import migrate_store
from sightline_pipeline.service import Pipeline

if TYPE_CHECKING:
    from sightline_core.store.client import Store

TABLES = {
    Signal.TRACES: ("otel_traces",),
    Signal.LOGS: ("otel_logs",),
    Signal.METRICS: ("otel_metrics_gauge", "otel_metrics_sum", "otel_metrics_histogram"),
}


async def measure(signal: Signal, records: int, directory: Path) -> dict[str, Any]:
    """Fill the bus, start the clock, drain."""
    command = [sys.executable, "-m", "bench.fill_bus", signal, str(records), str(directory)]
    done = await asyncio.to_thread(subprocess.run, command, check=True, stdout=subprocess.PIPE)
    filled = json.loads(done.stdout)
    settings = Settings(data_dir=directory)
    bus = EmbeddedBus.from_settings(settings)
    store = open_store(settings, ingest_clients=settings.bus_partitions)
    migrate_store(store, settings)
    pipeline = Pipeline(bus, store, settings)
    wall, cpu = time.perf_counter(), time.process_time()
    await pipeline.start()
    while await _pending(bus, signal):  # noqa: ASYNC110 - the pipeline has no event to wait for
        await asyncio.sleep(0.02)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await pipeline.stop()
    await bus.close()
    sizes = {table: _merged_bytes_per_record(store, table) for table in TABLES[signal]}
    store.close()
    return {
        "signal": signal,
        "records": filled["records"],
        "bytes_per_record_wire": round(filled["bytes"] / filled["records"]),
        "records_per_second": round(filled["records"] / wall),
        "cpu_seconds_per_million": round(cpu / filled["records"] * 1e6, 2),
        "peak_memory_mb": round(peak / 1024),
        "bytes_per_record_disk": sizes,
        "batch_max_bytes": settings.batch_max_bytes,
    }


async def _pending(bus: EmbeddedBus, signal: Signal) -> int:
    return sum(lag.messages for lag in list(await bus.lag(PIPELINE_GROUP, signal.topic)))


def _merged_bytes_per_record(store: Store, table: str) -> float:
    store.command(f"OPTIMIZE TABLE {table} FINAL")
    query = """
        SELECT sum(bytes_on_disk) / sum(rows) AS size FROM system.parts
        WHERE active AND database = currentDatabase() AND table = {table:String}"""
    return round(float(store.rows(query, {"table": table})[0]["size"]), 1)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="sightline-bench-") as path:
        print(json.dumps(asyncio.run(measure(Signal(sys.argv[1]), int(sys.argv[2]), Path(path)))))
