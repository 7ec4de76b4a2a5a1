"""How long the store keeps rows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from sightline_core.wire.names import Signal
from sightline_pipeline.schema import migrate_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sightline_core.settings import Settings
    from sightline_core.store.client import Store

YEAR = 365 * 86400 * 1_000_000_000
KEPT = """
SELECT name, extract(engine_full, 'toIntervalDay\\((\\d+)\\)') AS days
FROM system.tables WHERE database = currentDatabase() AND days != ''"""


def kept(store: Store) -> dict[str, int]:
    return {row["name"]: int(row["days"]) for row in store.rows(KEPT)}


@pytest.fixture(autouse=True)
def restored(store: Store, store_settings: Settings) -> Iterator[None]:
    yield
    migrate_store(store, store_settings)


PARTITIONED = """
SELECT name FROM system.tables
WHERE database = currentDatabase() AND partition_key != '' AND engine LIKE '%MergeTree'
  AND position(engine_full, ' TTL ') = 0"""


def test_nothing_that_comes_in_outlives_retention_and_the_accepted_future(
    lane: Any, otlp: Any, store: Store, store_settings: Settings
) -> None:
    """Times far ahead go to quarantine, which is kept by when they came; all else has a TTL."""
    ahead = lane.now + 50 * YEAR
    span = {"trace_id": lane.trace_id(), "span_id": bytes(range(1, 9)), "name": "n"}
    correlated = otlp.attributes({"correlation.id": lane.service})
    lane.send(
        Signal.TRACES,
        otlp.spans(
            lane.service,
            Span(**span, start_time_unix_nano=ahead, end_time_unix_nano=ahead),
            Span(
                **span,
                start_time_unix_nano=lane.now,
                end_time_unix_nano=ahead,
                attributes=correlated,
            ),
        ),
    )
    lane.send(Signal.LOGS, otlp.logs(lane.service, LogRecord(time_unix_nano=ahead)))
    reasons = [row["Reason"] for row in lane.rows("sightline_quarantine")]
    assert reasons.count("timestamp_in_future") == 2
    assert store.rows(PARTITIONED) == []
    most = store_settings.accept_future_seconds + 400 * 86400
    ends = store.rows(
        "SELECT table, max(toUnixTimestamp(delete_ttl_info_max)) AS gone FROM system.parts "
        "WHERE database = currentDatabase() AND active GROUP BY table"
    )
    kept_until = {row["table"]: int(row["gone"]) for row in ends}
    assert kept_until["otel_traces_trace_id_ts"] > time.time()
    assert kept_until["sightline_correlations"] > time.time()
    assert {table for table, gone in kept_until.items() if gone > time.time() + most} == set()


def test_a_changed_retention_reaches_the_tables_that_are_there(
    store: Store, store_settings: Settings
) -> None:
    before = kept(store)
    assert before["otel_traces"] == store_settings.retention_days
    migrate_store(store, store_settings.model_copy(update={"retention_days": 7}))
    after = kept(store)
    assert {after[name] for name in ("otel_traces", "otel_logs", "otel_metrics_sum")} == {7}
    assert {after[name] for name in before if before[name] == 400} == {400}
    migrate_store(store, store_settings)
    assert kept(store) == before
