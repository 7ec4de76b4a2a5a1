"""What a stopped Sightline's store holds of numbered telemetry: `python books.py DATA_DIR`.

A program of its own, because a process can open one store in its life. Prints JSON:
`stored`: for each table and request, records and different records; `rolled`: for each roll-up, how
many of its groups differ from what the raw tables say, and an example.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, Final

from sightline_core.settings import load_settings
from sightline_core.store.client import Store, open_store

POINTS: Final = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
STORED: Final = {
    "traces": "SELECT SpanAttributes['test.number'] AS number FROM otel_traces",
    "logs": "SELECT LogAttributes['test.number'] AS number FROM otel_logs",
    "quarantine": "SELECT Name AS number FROM sightline_quarantine",
    "metrics": " UNION ALL ".join(
        f"SELECT Attributes['test.number'] AS number FROM otel_metrics_{kind}" for kind in POINTS
    ),
}
COUNT: Final = """
SELECT splitByChar('.', number)[1] AS request, count() AS records, uniqExact(number) AS different
FROM ({numbers}) GROUP BY request"""
COMPARE: Final = """
SELECT count() AS groups, countIf(raw != rolled) AS wrong,
       anyIf(toString((key, raw, rolled)), raw != rolled) AS example
FROM (
    SELECT key, sumIf(value, side = 'raw') AS raw, sumIf(value, side = 'rolled') AS rolled
    FROM (
        SELECT 'raw' AS side, key, value FROM ({raw})
        UNION ALL SELECT 'rolled' AS side, key, value FROM ({rolled})
    ) GROUP BY key
)"""


def books(store: Store) -> dict[str, Any]:
    """Count what is stored, and compare every roll-up with the raw tables."""
    stored = {
        table: {
            row["request"]: [row["records"], row["different"]]
            for row in store.rows(COUNT.format(numbers=numbers))
        }
        for table, numbers in STORED.items()
    }
    rolled = {
        name: store.rows(COMPARE.format(raw=raw, rolled=rolled))[0]
        for name, raw, rolled in pairs(Path(__file__).with_suffix(".sql").read_text())
    }
    return {"stored": stored, "rolled": rolled}


def pairs(text: str) -> list[tuple[str, str, str]]:
    """Return the name, the raw and the rolled-up query of each block."""
    found = re.findall(
        r"^-- name: (\S+)\n(.+?)^-- against\n(.+?)(?=^-- name|\Z)", text, re.MULTILINE | re.DOTALL
    )
    return [(name, raw, rolled) for name, raw, rolled in found]


def main() -> None:
    """Print the books of the data directory that the command line names."""
    with open_store(load_settings(data_dir=Path(sys.argv[1]))) as store:
        sys.stdout.write(json.dumps(books(store)))


if __name__ == "__main__":
    main()
