"""`make bench`: every measurement in a process of its own; prints a table and keeps the results.

python -m bench                        everything, about fifteen minutes on two cores
python -m bench --quick                a tenth of the data, to see that it works
python -m bench kafka_to_store         one bench; the others' last results stay
python -m bench drain --backlog 10000000
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from bench.kafka_processes import end_when_told, in_own_process, progress

if TYPE_CHECKING:
    from collections.abc import Callable

RESULTS = Path(__file__).parent / "results"
LATEST = RESULTS / "latest.json"
BACKLOG = 2_000_000
Row = dict[str, Any]


def bus_to_store(options: argparse.Namespace) -> list[Row]:
    """Embedded bus → store in one process, each signal."""
    sizes = (("traces", 2_000_000), ("logs", 3_000_000), ("metrics", 1_500_000))
    return [
        in_own_process("bench.bus_to_store", signal, str(records // options.divide))
        for signal, records in sizes
    ]


def otlp_to_searchable(options: argparse.Namespace) -> list[Row]:
    """OTLP/HTTP → searchable in one process, at half load and at full."""
    return [
        in_own_process("bench.otlp_to_searchable", str(rate), str(max(5, 20 // options.divide)))
        for rate in (40_000, 0)
    ]


def otlp_to_kafka(options: argparse.Namespace) -> list[Row]:
    """OTLP/HTTP → Kafka: a collector alone."""
    return [in_own_process("bench.otlp_to_kafka", str(max(3, 20 // options.divide)))]


def kafka_to_store(options: argparse.Namespace) -> list[Row]:
    """Kafka → store over HTTP, with one pipeline process and with two."""
    return [_drained(1_000_000 // options.divide, pipelines) for pipelines in (1, 2)]


def drain(options: argparse.Namespace) -> list[Row]:
    """A backlog on Kafka, drained by two pipeline processes."""
    return [_drained(options.backlog // options.divide, 2)]


def exactly_once_cost(options: argparse.Namespace) -> list[Row]:
    """What intents and the ledger cost."""
    return [in_own_process("bench.exactly_once_cost", str(500_000 // options.divide))]


def http_insert(options: argparse.Namespace) -> list[Row]:
    """An insert of 32 MiB over HTTP and in the process."""
    return [in_own_process("bench.http_insert", str(max(2, 10 // options.divide)))]


BENCHES: tuple[Callable[[argparse.Namespace], list[Row]], ...] = (
    bus_to_store,
    otlp_to_searchable,
    otlp_to_kafka,
    kafka_to_store,
    drain,
    exactly_once_cost,
    http_insert,
)


def main() -> None:
    """Measure, print, write `bench/results/latest.json`."""
    end_when_told()
    names = [bench.__name__ for bench in BENCHES]
    parser = argparse.ArgumentParser(prog="bench", description="What Sightline costs here.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"which: {', '.join(names)}")
    parser.add_argument("--quick", dest="divide", action="store_const", const=10, default=1)
    parser.add_argument("--backlog", type=int, default=BACKLOG, help="spans that `drain` drains")
    options = parser.parse_args()
    if unknown := set(options.names) - set(names):
        parser.error(f"no bench is called {', '.join(sorted(unknown))}; there are: {names}")
    machine = _machine()
    print(", ".join(f"{name}: {fact}" for name, fact in machine.items()), end="\n\n")
    for bench in BENCHES:
        if options.names and bench.__name__ not in options.names:
            continue
        progress(bench.__name__)
        when = time.strftime("%Y-%m-%d %H:%M")
        rows = bench(options)
        _table(bench.__doc__ or bench.__name__, rows)
        _keep(bench.__name__, {"when": when, "machine": machine, "rows": rows})


def _drained(records: int, pipelines: int) -> Row:
    return in_own_process("bench.kafka_to_store", "traces", str(records), str(pipelines))


def _machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "memory_gib": round(psutil.virtual_memory().total / (1 << 30), 1),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "chdb": version("chdb-core"),
        "aiokafka": version("aiokafka"),
    }


def _keep(name: str, result: dict[str, Any]) -> None:
    """Replace one bench's results; a run that is stopped keeps what it has measured."""
    kept = json.loads(LATEST.read_text(encoding="utf-8")) if LATEST.is_file() else {}
    known = {bench.__name__ for bench in BENCHES}
    kept = {one: kept[one] for one in kept if one in known} | {name: result}
    RESULTS.mkdir(exist_ok=True)
    LATEST.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


def _table(title: str, rows: list[Row]) -> None:
    print(title)
    width = max(len(name) for name in rows[0])
    for name in rows[0]:
        print(f"  {name:<{width}}  " + "  ".join(f"{_show(row[name]):>22}" for row in rows))
    print(flush=True)


def _show(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name} {part}" for name, part in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    main()
