"""What the processes of this Sightline say about themselves, and how far each partition is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from sightline_query_api.times import SECOND, rfc3339

if TYPE_CHECKING:
    from sightline_query_api.backend import Queries

SILENT_SECONDS: Final = 60
"""A process that has not reported for so long is gone."""


class ComponentStatus(BaseModel):
    """A process, as of its last report. `silent`: it should have reported since."""

    component: str
    instance: str
    version: str
    state: str
    reason: str
    store_breaker: str
    bus_breaker: str
    health_url: str
    started: str
    reported: str
    silent: bool


class PartitionStatus(BaseModel):
    """A partition of the bus, as its pipeline last reported it.

    Attributes:
        lag_seconds: age of the first message that is not committed.
        oldest_uncommitted_seconds: how long the pipeline has had the oldest such message in hand.
        freshness_seconds: from now back to the arrival of the newest message that is stored; null
            if none was stored since the process started. Grows while nothing comes.
        store_delay_seconds: from that arrival to its storing: the way end to end.
    """

    topic: str
    partition: int
    instance: str
    state: str
    reason: str
    lag_messages: int
    lag_seconds: float
    oldest_uncommitted_seconds: float
    freshness_seconds: float | None
    store_delay_seconds: float
    gaps_skipped: int
    dead_lettered: int
    reported: str
    silent: bool


@dataclass(frozen=True, slots=True)
class Reports:
    """All of them."""

    components: list[ComponentStatus]
    partitions: list[PartitionStatus]


def read_reports(queries: Queries) -> Reports:
    """Return the last reports of the last day. Blocks."""
    now = time.time_ns()
    rows = queries.rows("component_status", {})
    return Reports(
        components=[_component(row, now) for row in rows if not row["topic"]],
        partitions=[_partition(row, now) for row in rows if row["topic"]],
    )


def _silent(row: dict[str, Any], now: int) -> bool:
    return bool(row["state"] != "left" and now - row["reported"] > SILENT_SECONDS * SECOND)


def _component(row: dict[str, Any], now: int) -> ComponentStatus:
    same = (
        "component", "instance", "version", "state", "reason", "store_breaker", "bus_breaker",
        "health_url",
    )  # fmt: skip
    return ComponentStatus(
        **{name: row[name] for name in same},
        started=rfc3339(row["started"]),
        reported=rfc3339(row["reported"]),
        silent=_silent(row, now),
    )


def _partition(row: dict[str, Any], now: int) -> PartitionStatus:
    same = (
        "topic", "partition", "instance", "state", "reason", "lag_messages", "lag_seconds",
        "oldest_uncommitted_seconds", "store_delay_seconds", "gaps_skipped", "dead_lettered",
    )  # fmt: skip
    stored = row["last_stored_received"]
    return PartitionStatus(
        **{name: row[name] for name in same},
        freshness_seconds=round(max(0.0, (now - stored) / SECOND), 3) if stored else None,
        reported=rfc3339(row["reported"]),
        silent=_silent(row, now),
    )
