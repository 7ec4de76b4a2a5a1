"""What a collector says about itself, for the books."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from sightline_collector.intake import Intake
from sightline_collector.refusal import Refusal
from sightline_collector.self_report import SelfReport
from sightline_collector.sequence import Interval, Sequence, intervals
from sightline_core.errors import BusFull, BusUnavailable
from sightline_core.wire.names import Signal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.collector.conftest import FakeBus

    from sightline_core.settings import Settings


@pytest.fixture
def intake(bus: FakeBus, settings: Settings) -> Intake:
    return Intake(bus, settings, origin="me")  # type: ignore[arg-type]


def _points(bus: FakeBus) -> dict[str, list[tuple[dict[str, object], int]]]:
    """Return the points of the last report by metric."""
    request = ExportMetricsServiceRequest.FromString(bus.sent[-1].value)
    return {
        metric.name: [
            (
                {
                    one.key: one.value.string_value or one.value.int_value
                    for one in point.attributes
                },
                point.as_int,
            )
            for point in metric.sum.data_points
        ]
        for resource in request.resource_metrics
        for metric in resource.scope_metrics[0].metrics
    }


async def test_a_report_says_what_was_accepted_forwarded_and_given_back(
    intake: Intake, bus: FakeBus, spans: Callable[..., bytes]
) -> None:
    report = SelfReport(intake, origin="me")
    assert not await report.report()  # nothing to say
    await intake.export(Signal.TRACES, spans(3))
    bus.failures.append(BusFull("full"))
    with pytest.raises(Refusal):
        await intake.export(Signal.TRACES, spans(2))
    assert await report.report()
    records = _points(bus)["sightline.collector.records"]
    assert ({"signal": "traces", "outcome": "accepted"}, 5) in records
    assert ({"signal": "traces", "outcome": "forwarded"}, 3) in records
    assert ({"signal": "traces", "outcome": "returned", "reason": "BusFull"}, 2) in records
    assert ({"signal": "traces"}, 2) in _points(bus)["sightline.collector.sequence"]
    void = _points(bus)["sightline.collector.void_messages"]
    assert void == [({"signal": "traces", "first": 2, "last": 2}, 1)]
    assert not await report.report()  # its own message is no news


async def test_numbers_under_which_nothing_was_acknowledged_are_void(
    intake: Intake, bus: FakeBus, spans: Callable[..., bytes]
) -> None:
    report = SelfReport(intake, origin="me")
    bus.failures += [BusUnavailable("away"), BusUnavailable("away")]
    for _ in range(2):
        with pytest.raises(Refusal):
            await intake.export(Signal.TRACES, spans(1))
    await intake.export(Signal.TRACES, spans(1))
    bus.failures.append(BusUnavailable("away"))
    assert not await report.report()  # could not be written: said again with the next one
    assert await report.report()
    void = _points(bus)["sightline.collector.void_messages"]
    assert ({"signal": "traces", "first": 1, "last": 2}, 2) in void
    assert ({"signal": "metrics", "first": 1, "last": 1}, 1) in void
    await intake.export(Signal.TRACES, spans(1))
    assert await report.report()
    assert _points(bus)["sightline.collector.void_messages"] == []


async def test_a_record_that_is_too_large_is_rejected_in_the_name_of_its_service(
    settings: Settings, bus: FakeBus, spans: Callable[..., bytes]
) -> None:
    bus.max_message_bytes = 4096
    intake = Intake(bus, settings, origin="me")  # type: ignore[arg-type]
    await intake.export(Signal.TRACES, spans(1, 10) + spans(2, 5000))
    stats = intake.stats.signals[Signal.TRACES]
    assert stats.rejected_by == {("shop", "too_large"): 2}
    assert (stats.accepted, stats.records) == (3, 1)


async def test_the_last_report_is_written_when_the_collector_stops(
    bus: FakeBus, settings: Settings, tmp_path: Path, spans: Callable[..., bytes]
) -> None:
    from sightline_collector.collector import Collector  # noqa: PLC0415

    collector = Collector(bus, settings)  # type: ignore[arg-type]
    await collector.start()
    await collector._intake.export(Signal.TRACES, spans(7))
    await collector.stop()
    records = _points(bus)["sightline.collector.records"]
    assert ({"signal": "traces", "outcome": "forwarded"}, 7) in records


@given(st.lists(st.sampled_from(["sent", "back", "doubt", "hang", "report"]), max_size=40))
def test_every_number_is_sent_void_or_on_its_way(steps: list[str]) -> None:
    sequence, sent, hanging, void = Sequence(), set[int](), set[int](), set[int]()
    for step in steps:
        if step == "report":
            said = sequence.voids()
            void |= {number for first, last in said for number in range(first, last + 1)}
            assert set(range(1, sequence.settled + 1)) <= sent | void
            continue
        number = sequence.take()
        assert number not in sent | hanging | void
        if step == "hang":
            hanging.add(number)
        elif step == "sent":
            sequence.sent(number)
            sent.add(number)
        elif step == "back":
            sequence.give_back(number)
        else:
            sequence.doubt(number)
    assert not hanging or sequence.settled < min(hanging)


@given(st.sets(st.integers(1, 60)))
def test_intervals_hold_exactly_their_numbers(numbers: set[int]) -> None:
    found = list(intervals(sorted(numbers)))
    assert {n for first, last in found for n in range(first, last + 1)} == numbers
    assert all(isinstance(one, Interval) for one in found)
    assert all(one.last + 1 < other.first for one, other in itertools.pairwise(found))


async def test_a_number_stays_unsettled_while_its_write_hangs(
    intake: Intake, bus: FakeBus, spans: Callable[..., bytes]
) -> None:
    await intake.export(Signal.TRACES, spans(1))
    bus.open.clear()
    hanging = asyncio.create_task(intake.export(Signal.TRACES, spans(1)))
    bus.arrived.clear()
    await bus.arrived.wait()
    assert intake.sequences[Signal.TRACES].settled == 1
    bus.open.set()
    await hanging
    assert intake.sequences[Signal.TRACES].settled == 2
