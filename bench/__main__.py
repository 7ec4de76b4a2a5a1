"""`make bench`: every measurement in a process of its own; prints a table and keeps the results.

python -m bench            everything, about five minutes on two cores
python -m bench --quick    a tenth of the data, to see that it works
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
BUS_TO_STORE = (("traces", 2_000_000), ("logs", 3_000_000), ("metrics", 1_500_000))
SEARCHABLE = ((40_000, 20), (0, 20))


def main() -> None:
    """Measure, print, write `bench/results/latest.json`."""
    divide = 10 if "--quick" in sys.argv else 1
    print(
        f"{os.cpu_count()} cores, Python {platform.python_version()}, chDB {version('chdb-core')}\n"
    )
    stored = [
        _run("bench.bus_to_store", signal, str(records // divide))
        for signal, records in BUS_TO_STORE
    ]
    _table("bus → store", stored)
    searched = [
        _run("bench.otlp_to_searchable", str(rate), str(max(5, seconds // divide)))
        for rate, seconds in SEARCHABLE
    ]
    _table("OTLP/HTTP → searchable, spans", searched)
    RESULTS.mkdir(exist_ok=True)
    kept = {
        "when": time.strftime("%Y-%m-%d %H:%M"),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "chdb": version("chdb-core"),
        "bus_to_store": stored,
        "otlp_to_searchable": searched,
    }
    (RESULTS / "latest.json").write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


def _run(module: str, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _table(title: str, rows: list[dict[str, Any]]) -> None:
    print(title)
    width = max(len(name) for name in rows[0])
    for name in rows[0]:
        print(f"  {name:<{width}}  " + "  ".join(f"{_show(row[name]):>22}" for row in rows))
    print()


def _show(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(str(part) for part in value.values())
    return f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    main()
