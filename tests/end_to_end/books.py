"""What a stopped Sightline's store holds of numbered telemetry: `python books.py DATA_DIR`.

A program of its own, because a process can open one store in its life. Prints JSON:
`stored`: for each table and request, records and different records; `rolled`: for each roll-up, how
many of its groups differ from what the raw tables say, and an example.
"""

from __future__ import annotations

import json
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
    SELECT key, sumIf(value, side = 'raw') AS raw, sumIf(value, side = 'rolled') AS rolled FROM (
        SELECT 'raw' AS side, toString(({key})) AS key, {raw_value} AS value FROM {raw} GROUP BY {key}
        UNION ALL
        SELECT 'rolled' AS side, toString(({rolled_key})) AS key, {rolled_value} AS value FROM {rolled} GROUP BY {rolled_key}
    ) GROUP BY key
)"""
ALL_POINTS: Final = " UNION ALL ".join(
    f"SELECT ServiceName FROM otel_metrics_{kind}" for kind in POINTS
)
SIGNALS: Final = (
    "(SELECT 'traces' AS Signal, ServiceName FROM otel_traces"
    " UNION ALL SELECT 'logs', ServiceName FROM otel_logs"
    f" UNION ALL SELECT 'metrics', ServiceName FROM ({ALL_POINTS}))"
)
RED_KEY: Final = "ServiceName, SpanName, SpanKind, StatusCode"
RED_RAW: Final = f"toStartOfMinute(toDateTime(Timestamp)), {RED_KEY}"
RED: Final = {
    "Spans": ("count()", "sum(Spans)"),
    "Count": ("count()", "toUInt64(sum(Count))"),
    "DurationSum": ("sum(Duration)", "toUInt64(sum(DurationSum))"),
    "DurationMax": ("max(Duration)", "max(DurationMax)"),
    "p95": (
        "toUInt64(quantilesDD(0.01, 0.95)(Duration)[1])",
        "toUInt64(quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(DurationQuantiles)[2])",
    ),
}
ROLLED: Final = {
    **{
        f"sightline_red_1m.{name}": {
            "raw": "otel_traces", "key": RED_RAW, "raw_value": raw,
            "rolled": "sightline_red_1m", "rolled_key": f"Time, {RED_KEY}", "rolled_value": rolled,
        }
        for name, (raw, rolled) in RED.items()
    },
    "otel_traces_trace_id_ts": {
        "raw": "otel_traces", "key": "TraceId",
        "raw_value": "toUInt64(cityHash64(min(toDateTime(Timestamp)), max(toDateTime(Timestamp)), count(), countIf(StatusCode = 'Error')))",
        "rolled": "otel_traces_trace_id_ts", "rolled_key": "TraceId",
        "rolled_value": "toUInt64(cityHash64(min(Start), max(End), sum(Spans), sum(Errors)))",
    },
    "sightline_correlations.Spans": {
        "raw": "(SELECT * FROM otel_traces)", "key": "CorrelationId, TraceId", "raw_value": "count()",
        "rolled": "(SELECT * FROM sightline_correlations WHERE Spans > 0)", "rolled_key": "Id, TraceId", "rolled_value": "sum(Spans)",
    },
    "sightline_correlations.Logs": {
        "raw": "otel_logs", "key": "CorrelationId, TraceId", "raw_value": "count()",
        "rolled": "(SELECT * FROM sightline_correlations WHERE Logs > 0 AND Id != TraceId)", "rolled_key": "Id, TraceId", "rolled_value": "sum(Logs)",
    },
    "sightline_log_counts_1m": {
        "raw": "otel_logs", "key": "toStartOfMinute(toDateTime(Timestamp)), ServiceName, Severity", "raw_value": "count()",
        "rolled": "sightline_log_counts_1m", "rolled_key": "Time, ServiceName, Severity", "rolled_value": "sum(Logs)",
    },
    "sightline_ledger.Stored": {
        "raw": SIGNALS, "key": "Signal, ServiceName", "raw_value": "count()",
        "rolled": "(SELECT * FROM sightline_ledger WHERE Stored > 0)", "rolled_key": "Signal, ServiceName", "rolled_value": "sum(Stored)",
    },
    "sightline_ledger.Quarantined": {
        "raw": "sightline_quarantine", "key": "Signal, ServiceName", "raw_value": "count()",
        "rolled": "(SELECT * FROM sightline_ledger WHERE Quarantined > 0)", "rolled_key": "Signal, ServiceName", "rolled_value": "sum(Quarantined)",
    },
    "sightline_ledger.Records": {
        "raw": "(SELECT DISTINCT Topic, Partition, Offset, Records FROM sightline_ledger)", "key": "Topic, Partition, Offset", "raw_value": "sum(Records)",
        "rolled": "sightline_ledger", "rolled_key": "Topic, Partition, Offset", "rolled_value": "sum(Stored + Quarantined)",
    },
}  # fmt: skip


def books(store: Store) -> dict[str, Any]:
    """Count what is stored, and compare every roll-up with the raw tables."""
    stored = {
        table: {
            row["request"]: [row["records"], row["different"]]
            for row in store.rows(COUNT.format(numbers=numbers))
        }
        for table, numbers in STORED.items()
    }
    rolled = {name: store.rows(COMPARE.format(**parts))[0] for name, parts in ROLLED.items()}
    return {"stored": stored, "rolled": rolled}


if __name__ == "__main__":
    with open_store(load_settings(data_dir=Path(sys.argv[1]))) as opened:
        print(json.dumps(books(opened)))
