"""How long the store keeps rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sightline_pipeline.schema import migrate_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sightline_core.settings import Settings
    from sightline_core.store.client import Store

KEPT = """
SELECT name, extract(engine_full, 'toIntervalDay\\((\\d+)\\)') AS days
FROM system.tables WHERE database = currentDatabase() AND days != ''"""


def kept(store: Store) -> dict[str, int]:
    return {row["name"]: int(row["days"]) for row in store.rows(KEPT)}


@pytest.fixture(autouse=True)
def restored(store: Store, store_settings: Settings) -> Iterator[None]:
    yield
    migrate_store(store, store_settings)


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
