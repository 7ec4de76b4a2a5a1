"""What a collector says about itself, as metrics on the bus like everybody's (design D6).

The books read these from the store: how much was taken, passed on, refused and why; up to which
number every message is accounted for; and which numbers never carried anything that was promised.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from sightline_collector.refusal import Refusal
from sightline_core.wire.names import (
    COLLECTOR_RECORDS,
    COLLECTOR_REFUSED,
    COLLECTOR_SEQUENCE,
    COLLECTOR_SERVICE,
    COLLECTOR_VOID,
    Signal,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sightline_collector.intake import Intake
    from sightline_collector.sequence import Interval
    from sightline_collector.stats import SignalStats

log = logging.getLogger(__name__)

MAX_VOIDS: Final = 1000
"""Intervals of unused numbers in one report; the rest follows in the next."""
STOP_SECONDS: Final = 5
"""Time that the last report gets."""


class SelfReport:
    """Writes a report whenever there is something new to say."""

    def __init__(
        self, intake: Intake, *, origin: str, clock: Callable[[], int] = time.time_ns
    ) -> None:
        """Report on `intake` and through it; `clock` returns unix nanoseconds."""
        self._intake = intake
        self._origin = origin
        self._clock = clock
        self._started = clock()
        self._said: object = _numbers(intake)

    async def run(self, seconds: float) -> None:
        """Report every `seconds`, until cancelled."""
        while True:
            await asyncio.sleep(seconds)
            await self.report()

    async def last(self) -> None:
        """Report once more before the end, but do not wait for long."""
        try:
            await asyncio.wait_for(self.report(), STOP_SECONDS)
        except TimeoutError:
            log.warning("cannot write the last report of the collector: the bus does not answer")

    async def report(self) -> bool:
        """Write a report unless nothing has changed; say whether one was written."""
        if _numbers(self._intake) == self._said:
            return False
        voids = {signal: self._intake.sequences[signal].voids() for signal in Signal}
        unsaid = voids
        said = {signal: found[:MAX_VOIDS] for signal, found in voids.items()}
        try:
            await self._intake.export(Signal.METRICS, self._request(said).SerializeToString())
        except Refusal as refusal:
            log.warning("cannot write the report of the collector, trying again: %s", refusal)
            return False
        else:
            unsaid = {signal: found[MAX_VOIDS:] for signal, found in voids.items()}
            self._said = _numbers(self._intake)
            return True
        finally:
            for signal, left in unsaid.items():
                self._intake.sequences[signal].undo_voids(left)

    def _request(self, voids: Mapping[Signal, list[Interval]]) -> ExportMetricsServiceRequest:
        request = ExportMetricsServiceRequest()
        resource = request.resource_metrics.add()
        resource.resource.attributes.extend(
            _attributes({"service.name": COLLECTOR_SERVICE, "service.instance.id": self._origin})
        )
        scope = resource.scope_metrics.add()
        scope.scope.name = COLLECTOR_SERVICE
        now = self._clock()
        for name, unit, points in self._metrics(voids):
            metric = scope.metrics.add(name=name, unit=unit)
            metric.sum.is_monotonic = True
            metric.sum.aggregation_temporality = (
                AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
                if name == COLLECTOR_VOID
                else AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
            )
            for attributes, value in points:
                metric.sum.data_points.add(
                    attributes=_attributes(attributes),
                    start_time_unix_nano=self._started,
                    time_unix_nano=now,
                    as_int=value,
                )
        return request

    def _metrics(
        self, voids: Mapping[Signal, list[Interval]]
    ) -> Iterator[tuple[str, str, list[tuple[dict[str, str | int], int]]]]:
        signals = self._intake.stats.signals.items()
        yield (
            COLLECTOR_RECORDS,
            "{record}",
            [
                ({"signal": signal.value, **attributes}, value)
                for signal, stats in signals
                for attributes, value in _records(stats)
            ],
        )
        yield (
            COLLECTOR_REFUSED,
            "{request}",
            [
                ({"signal": signal.value, "reason": reason}, value)
                for signal, stats in signals
                for reason, value in stats.refused.items()
            ],
        )
        yield (
            COLLECTOR_SEQUENCE,
            "{message}",
            [
                ({"signal": signal.value}, sequence.settled)
                for signal, sequence in self._intake.sequences.items()
            ],
        )
        yield (
            COLLECTOR_VOID,
            "{message}",
            [
                ({"signal": signal.value, "first": first, "last": last}, last - first + 1)
                for signal, found in voids.items()
                for first, last in found
            ],
        )


def _records(stats: SignalStats) -> Iterator[tuple[dict[str, str | int], int]]:
    yield {"outcome": "accepted"}, stats.accepted
    yield {"outcome": "forwarded"}, stats.records
    for (service, reason), value in stats.rejected_by.items():
        yield {"outcome": "rejected", "reason": reason, "sightline.service": service}, value
    for reason, value in stats.returned.items():
        yield {"outcome": "returned", "reason": reason}, value


def _numbers(intake: Intake) -> object:
    """Return all that a report would say, for comparison."""
    return [
        (
            stats.accepted,
            stats.records,
            stats.messages,
            dict(stats.rejected_by),
            dict(stats.returned),
            dict(stats.refused),
        )
        for stats in intake.stats.signals.values()
    ]


def _attributes(values: Mapping[str, Any]) -> list[KeyValue]:
    return [
        KeyValue(
            key=key,
            value=AnyValue(int_value=value)
            if isinstance(value, int)
            else AnyValue(string_value=value),
        )
        for key, value in values.items()
    ]
