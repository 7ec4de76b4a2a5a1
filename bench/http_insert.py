"""What an insert over HTTP costs more than one in the process: the same 32 MiB of spans, both ways.

Run as `python -m bench.http_insert INSERTS`. Merges are off; over HTTP the CPU of client and store
are summed. Prints one JSON object; CPU seconds are of one insert.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from bench.corpus import corpus
from bench.kafka_processes import (
    MEBIBYTE,
    Meter,
    end_when_told,
    in_own_process,
    progress,
    store_process,
)
from sightline_core.bus.protocol import Record
from sightline_core.settings import Settings
from sightline_core.store.client import open_store
from sightline_core.wire.names import Signal
from sightline_pipeline.batch import AcceptWindow, Batch
from sightline_pipeline.landing import landing
from sightline_pipeline.schema import migrate_store

if TYPE_CHECKING:
    from sightline_core.store.client import Store

BODY_BYTES = 32 * MEBIBYTE
PER_MESSAGE = 512


def measure(inserts: int, directory: Path) -> dict[str, Any]:
    """Insert in a process with the engine, then from one without."""
    progress(f"{inserts} inserts in the process of the engine")
    inside = in_own_process("bench.http_insert", "insert", str(inserts), str(directory / "own"))
    with store_process(directory) as (store, url):
        progress(f"{inserts} inserts over HTTP")
        more = (str(inserts), url, str(store.process.pid))
        client = in_own_process("bench.http_insert", "insert", *more)
    over_http = (client["cpu_seconds"] + client["store_cpu_seconds"]) / inserts
    own = inside["cpu_seconds"] / inserts
    return {
        "inserts": inserts,
        "body_mib": round(inside["bytes"] / MEBIBYTE, 1),
        "in_process_cpu_seconds": round(own, 3),
        "http_cpu_seconds": round(over_http, 3),
        "of_this_client": round(client["cpu_seconds"] / inserts, 3),
        "http_costs_more": f"{over_http / own - 1:.1%}",
        "in_process_seconds": round(inside["seconds"] / inserts, 3),
        "http_seconds": round(client["seconds"] / inserts, 3),
    }


def insert(inserts: int, where: str, store_pid: int | None = None) -> dict[str, Any]:
    """Insert once to warm up, then that often; `where` is a directory or an address.

    The CPU of the store counts from after the warm-up, too, if it is process `store_pid`.
    """
    settings = (
        Settings(clickhouse_url=SecretStr(where))
        if where.startswith("http")
        else Settings(data_dir=Path(where))
    )
    with open_store(settings, ingest_clients=1, query_clients=1) as store:
        migrate_store(store, settings)
        store.command("SYSTEM STOP MERGES")
        batch = _batch()
        _insert(store, settings, batch, "warm-up")
        meter = Meter(store_pid) if store_pid else None
        cpu, wall = time.process_time(), time.perf_counter()
        for number in range(inserts):
            _insert(store, settings, batch, str(number))
        return {
            "bytes": batch.size,
            "cpu_seconds": time.process_time() - cpu,
            "store_cpu_seconds": meter.seconds if meter else 0.0,
            "seconds": time.perf_counter() - wall,
        }


def _batch() -> Batch:
    one = len(corpus(Signal.TRACES, messages=1, per_message=PER_MESSAGE).messages[0])
    made = corpus(Signal.TRACES, messages=BODY_BYTES // one, per_message=PER_MESSAGE)
    now = time.time_ns() // 1_000_000
    return Batch(
        [
            Record(Signal.TRACES.topic, 0, offset, now, value, None, ())
            for offset, value in enumerate(made.messages)
        ]
    )


def _insert(store: Store, settings: Settings, batch: Batch, name: str) -> None:
    token = f"bench-{time.time_ns()}-{name}"
    window = AcceptWindow.from_settings(settings)
    landing(Signal.TRACES).insert(store, batch.body(window), token)


if __name__ == "__main__":
    end_when_told()
    if sys.argv[1] == "insert":
        print(json.dumps(insert(int(sys.argv[2]), sys.argv[3], *map(int, sys.argv[4:]))))
    else:
        with tempfile.TemporaryDirectory(prefix="sightline-bench-") as path:
            print(json.dumps(measure(int(sys.argv[1]), Path(path))))
