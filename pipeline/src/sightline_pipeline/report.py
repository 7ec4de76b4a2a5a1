"""What a pipeline process says about itself: rows in the store every few seconds, and metrics."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import time
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from sightline_core.bus.protocol import TopicPartition
from sightline_core.errors import BusError, StoreError
from sightline_core.health import Metric
from sightline_core.wire.names import PIPELINE_GROUP, Signal
from sightline_pipeline.breaker import State
from sightline_pipeline.landing import SQL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sightline_core.bus.protocol import Bus, Lag
    from sightline_core.store.client import Store
    from sightline_pipeline.gaps import Gaps
    from sightline_pipeline.service import Pipeline
    from sightline_pipeline.stats import PartitionStats

log = logging.getLogger(__name__)

REPORT_SECONDS = 10.0
LEAVE_SECONDS = 3.0
COUNTERS = {
    "messages": "Messages stored.",
    "bytes": "Bytes of messages stored.",
    "batches": "Inserts that succeeded.",
    "retries": "Inserts that failed and were tried again.",
    "replayed_batches": "Batches that were found in doubt and inserted again with their token.",
    "dead_lettered": "Messages given up.",
    "gaps": "Ranges skipped because the bus no longer held them.",
}
GAUGES = {
    "lag_messages": "Messages on the bus that are not committed yet.",
    "lag_seconds": "Age of the first of them.",
    "oldest_uncommitted_seconds": "How long the oldest message read has not been committed.",
    "freshness_seconds": "Age of the newest message of the last stored batch.",
    "store_delay_seconds": "From its acceptance until it was stored.",
    "paused": "1: the partition waits for a person.",
    "held": "1: the last try to insert failed.",
}


class Reporter:
    """Writes `sightline_component_status`; see the table for what the columns mean.

    Attributes:
        health_url: where the process answers; empty: nowhere.
    """

    def __init__(self, pipeline: Pipeline, bus: Bus, store: Store, gaps: Gaps) -> None:
        """Report on `pipeline` into `store`."""
        self.health_url = ""
        self._pipeline = pipeline
        self._bus = bus
        self._store = store
        self._gaps = gaps
        self._started = time.time()
        self._instance = f"{socket.gethostname()}:{os.getpid()}:{int(self._started * 1000)}"
        self._lags: dict[TopicPartition, Lag] = {}

    async def keep(self) -> None:
        """Report for ever; a store that is away misses nothing but the time in between."""
        while True:
            await self.report()
            await asyncio.sleep(REPORT_SECONDS)

    async def leave(self) -> None:
        """Report a last time, that the process has left; not for long if the store is away."""
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await self.report(left=True)
        except TimeoutError:
            log.warning("cannot report the end of this process: the store does not answer")

    async def report(self, *, left: bool = False) -> None:
        """Write one row for the process and one for each partition that it has or had."""
        try:
            for signal in Signal:
                for lag in await self._bus.lag(PIPELINE_GROUP, signal.topic):
                    self._lags[_partition(lag)] = lag
            await asyncio.to_thread(self._gaps.save)
            await asyncio.to_thread(self._save, left)
        except (BusError, StoreError) as error:
            log.warning("cannot report the state of this process, trying again: %s", error)

    def _save(self, left: bool) -> None:  # noqa: FBT001 - private
        rows = [self._process_row(left), *self._partition_rows(left), *self._side_rows(left)]
        lines = "\n".join(map(json.dumps, rows))
        self._store.command((SQL / "report.sql").read_text(encoding="utf-8"), {"rows": lines})

    def _common(self) -> dict[str, Any]:
        breakers = self._pipeline.breakers
        return {
            "ReportedAt": _time(time.time()),
            "Component": "pipeline",
            "Instance": self._instance,
            "Version": version("sightline"),
            "StartedAt": _time(self._started),
            "HealthUrl": self.health_url,
            "StoreBreaker": breakers["store"].state,
            "BusBreaker": breakers["bus"].state,
        }

    def _process_row(self, left: bool) -> dict[str, Any]:  # noqa: FBT001 - private
        reasons = self._pipeline.not_ready()
        state = "left" if left else "held" if reasons else "running"
        return {
            **self._common(),
            "Topic": "",
            "State": state,
            "Reason": "; ".join(reasons),
            "InsertsInFlight": self._pipeline.inserts_in_flight,
        }

    def _partition_rows(self, left: bool) -> Iterator[dict[str, Any]]:  # noqa: FBT001 - private
        for partition, stats in self._partitions():
            lag = self._lags.get(partition)
            order = self._pipeline.orders.standing(partition)
            oldest = stats.oldest_in_hand
            yield {
                **self._common(),
                "Topic": partition.topic,
                "Partition": partition.partition,
                "State": _state(stats, left=left),
                "Reason": stats.paused or stats.failing,
                "PausedReason": order.reason if order and stats.paused else "",
                "LagMessages": lag.messages if lag else 0,
                "LagSeconds": _lag_seconds(lag),
                "OldestUncommittedSeconds": time.monotonic() - oldest if oldest else 0,
                "LastStoredReceivedAt": _time(stats.last_received),
                "StoreDelaySeconds": stats.store_delay_seconds,
                "Messages": stats.messages,
                "Bytes": stats.bytes,
                "Retries": stats.retries,
                "ReplayedBatches": stats.replayed_batches,
                "GapsSkipped": stats.gaps,
                "DeadLettered": stats.dead_lettered,
            }

    def _side_rows(self, left: bool) -> Iterator[dict[str, Any]]:  # noqa: FBT001 - private
        """Yield a row for each work beside the telemetry that ever failed."""
        for (topic, partition), trouble in self._pipeline.side_work.troubles.items():
            state = "left" if left else "held" if trouble else "running"
            yield {
                **self._common(),
                "Topic": topic,
                "Partition": partition,
                "State": state,
                "Reason": trouble,
            }

    def _partitions(self) -> Iterator[tuple[TopicPartition, PartitionStats]]:
        for signal in self._pipeline.stats.signals.values():
            yield from sorted(signal.partitions.items())

    def metrics(self) -> Iterator[Metric]:
        """Yield what `/metrics` shows; lags are those of the last report."""
        everything = [(_labels(key), stats, key) for key, stats in self._partitions()]
        for name, text in COUNTERS.items():
            counted = [(labels, float(getattr(stats, name))) for labels, stats, _ in everything]
            yield Metric(f"sightline_pipeline_{name}_total", "counter", text, counted)
        owned = [
            (labels, _gauges(stats, self._lags.get(key)))
            for labels, stats, key in everything
            if stats.owned
        ]
        for name, text in GAUGES.items():
            values = [(labels, float(gauges[name])) for labels, gauges in owned]
            yield Metric(f"sightline_pipeline_{name}", "gauge", text, values)
        yield from self._process_metrics()

    def _process_metrics(self) -> Iterator[Metric]:
        breakers = self._pipeline.breakers.items()
        yield Metric(
            "sightline_pipeline_breaker_state",
            "gauge",
            "1 for the state that the breaker of a dependency is in.",
            [
                ({"dependency": name, "state": state.value}, float(breaker.state is state))
                for name, breaker in breakers
                for state in State
            ],
        )
        opened = [({"dependency": name}, float(breaker.opened)) for name, breaker in breakers]
        yield Metric(
            "sightline_pipeline_breaker_opened_total", "counter", "Times it opened.", opened
        )
        for name, text, value in (
            (
                "inserts_in_flight",
                "Batches in the store's hands.",
                self._pipeline.inserts_in_flight,
            ),
            ("held_bytes", "Weight of messages in memory.", self._pipeline.held_bytes),
        ):
            yield Metric(f"sightline_pipeline_{name}", "gauge", text, [({}, float(value))])


def _partition(lag: Lag) -> TopicPartition:
    return TopicPartition(lag.topic, lag.partition)


def _labels(partition: TopicPartition) -> Mapping[str, str]:
    return {"topic": partition.topic, "partition": str(partition.partition)}


def _gauges(stats: PartitionStats, lag: Lag | None) -> Mapping[str, float]:
    oldest, newest = stats.oldest_in_hand, stats.last_received
    return {
        "lag_messages": lag.messages if lag else 0,
        "lag_seconds": _lag_seconds(lag),
        "oldest_uncommitted_seconds": time.monotonic() - oldest if oldest else 0,
        "freshness_seconds": time.time() - newest if newest else 0,
        "store_delay_seconds": stats.store_delay_seconds,
        "paused": bool(stats.paused),
        "held": bool(stats.failing),
    }


def _state(stats: PartitionStats, *, left: bool) -> str:
    if left or not stats.owned:
        return "left"
    if stats.paused:
        return "paused"
    return "held" if stats.failing else "running"


def _lag_seconds(lag: Lag | None) -> float:
    if lag is None or lag.oldest_pending_ms is None:
        return 0.0
    return max(0.0, time.time() - lag.oldest_pending_ms / 1000)


def _time(unix_seconds: float) -> str:
    return datetime.fromtimestamp(unix_seconds, UTC).isoformat(timespec="milliseconds")
