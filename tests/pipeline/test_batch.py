"""Batches keep order and bounds; an intent says exactly which range is in doubt."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline_core.bus.protocol import Committed, Record, TopicPartition
from sightline_core.wire.envelope import varint
from sightline_core.wire.names import HEADER_RECORDS, Signal
from sightline_pipeline.backlog import MESSAGE_WEIGHT, RECORD_WEIGHT, Backlog, weight
from sightline_pipeline.batch import AcceptWindow, Batch, range_in_doubt

WINDOW = AcceptWindow(past_seconds=60, future_seconds=60)


def record(offset: int, value: bytes = b"") -> Record:
    return Record("otlp_spans", 3, offset, 1_700_000_000_000, value, None, ())


def weigh(one: Record) -> int:
    return weight(one, Signal.TRACES)


def batch(first: int, last: int) -> Batch:
    return Batch([record(offset) for offset in range(first, last + 1)])


def test_the_token_names_the_exact_range() -> None:
    assert batch(5, 9).token == "otlp_spans-3-5-9-1700000000000"
    assert batch(5, 9).partition == TopicPartition("otlp_spans", 3)
    assert len({batch(a, b).token for a in range(9) for b in range(a, 9)}) == 45


def test_the_same_range_of_a_topic_made_anew_has_another_token() -> None:
    anew = Batch([replace(record(5), timestamp_ms=1_700_000_000_001), record(9)])
    assert anew.token != batch(5, 9).token


@given(st.integers(0, 2**63 - 1), st.integers(0, 1000))
def test_an_intent_is_read_back_as_the_range_it_was_written_for(first: int, more: int) -> None:
    last = min(first + more, 2**63 - 1)
    made = Batch([record(first), record(last)])
    assert range_in_doubt(made.intent) == (first, last)
    assert made.intent.offset == first
    assert range_in_doubt(made.done) is None


@given(st.builds(Committed, st.integers(0, 2**63 - 1), st.text()))
def test_any_text_of_somebody_else_is_no_intent(committed: Committed) -> None:
    assert range_in_doubt(committed) is None


@pytest.mark.parametrize(
    "metadata",
    [
        "", "insert", "insert 5", "insert 5-", "insert -5-9", "insert 5-9 ", " insert 5-9",
        "insert 5-9\n", "insert 9-5", "insert 5-4", "INSERT 5-9", "insert 5-9x",
        "insert \u0665-\u0669",
        "insert 5-" + "9" * 5000, "insert 5 - 9", "insert 4-9", "insert 6-9",
    ],
)  # fmt: skip
def test_a_damaged_intent_is_no_intent(metadata: str) -> None:
    assert range_in_doubt(Committed(5, metadata)) is None


def test_a_group_that_never_committed_has_nothing_in_doubt() -> None:
    assert range_in_doubt(None) is None


@given(st.integers(0, 1000), st.integers(1, 64))
def test_bisecting_covers_every_record_once_and_always_the_same_way(first: int, count: int) -> None:
    def leaves(whole: Batch) -> list[str]:
        if len(whole.records) == 1:
            return [whole.token]
        left, right = whole.halves()
        assert left.last + 1 == right.first
        return leaves(left) + leaves(right)

    whole = batch(first, first + count - 1)
    assert leaves(whole) == [batch(n, n).token for n in range(first, first + count)]
    assert leaves(whole) == leaves(batch(first, first + count - 1))


def test_the_body_is_length_delimited_messages_in_order() -> None:
    body = b"".join(Batch([record(1, b"a" * 200), record(2, b"b")]).body(WINDOW))
    assert body.index(b"a" * 200) < body.rindex(b"b\xc2\x3e")
    assert body.count(b"default") == 2


@given(
    max_bytes=st.integers(1, 5 * MESSAGE_WEIGHT),
    steps=st.lists(st.one_of(st.just("take"), st.lists(st.integers(0, 60), max_size=6))),
)
def test_a_backlog_loses_nothing_keeps_order_and_bounds_batches(
    max_bytes: int, steps: list[str | list[int]]
) -> None:
    backlog = Backlog(Signal.TRACES, max_bytes=max_bytes, max_seconds=1.0)
    added: list[Record] = []
    taken: list[Record] = []
    for now, step in enumerate(steps):
        if isinstance(step, list):
            records = [record(len(added) + n, b"x" * size) for n, size in enumerate(step)]
            added += records
            backlog.add(records, float(now))
        elif len(taken) < len(added):
            cut = backlog.take()
            assert len(cut.records) == 1 or sum(map(weigh, cut.records)) <= max_bytes
            taken += cut.records
        assert taken == added[: len(taken)]
        held = added[len(taken) :]
        assert backlog.size == sum(map(weigh, held))
        assert backlog.full == (backlog.size >= max_bytes)
        assert (backlog.seconds_until_due(now) is None) == (not held)
    while len(taken) < len(added):
        taken += backlog.take().records
    assert taken == added
    assert backlog.size == 0


def test_a_batch_is_due_when_it_is_full_or_its_oldest_record_has_waited() -> None:
    backlog = Backlog(Signal.TRACES, max_bytes=3 * MESSAGE_WEIGHT, max_seconds=2.0)
    backlog.add([record(1, b"x" * 4)], now=100.0)
    backlog.add([record(2, b"x" * 4)], now=101.5)
    assert backlog.seconds_until_due(101.5) == pytest.approx(0.5)
    assert backlog.seconds_until_due(102.0) == 0
    assert backlog.seconds_until_due(200.0) == 0
    backlog.add([record(3, b"x" * 2)], now=101.6)
    assert backlog.seconds_until_due(101.6) == 0


def test_records_left_behind_keep_the_time_they_came_at() -> None:
    backlog = Backlog(Signal.TRACES, max_bytes=MESSAGE_WEIGHT + 4, max_seconds=2.0)
    backlog.add([record(1, b"xxxx")], now=100.0)
    backlog.add([record(2, b"x")], now=101.0)
    assert backlog.take().last == 1
    assert backlog.seconds_until_due(101.0) == pytest.approx(2.0)


def test_messages_of_many_tiny_records_weigh_what_their_records_cost() -> None:
    flood = Record("otlp_spans", 0, 1, 0, b"\x12\x00" * 50_000, None, ((HEADER_RECORDS, b"50000"),))
    assert weigh(flood) == 50_000 * RECORD_WEIGHT + MESSAGE_WEIGHT
    backlog = Backlog(Signal.TRACES, max_bytes=20 << 20, max_seconds=1.0)
    backlog.add([flood, flood], now=0.0)
    assert backlog.full
    assert len(backlog.take().records) == 1


@pytest.mark.parametrize("signal", Signal)
@given(data=st.data())
def test_messages_that_do_not_say_how_many_records_they_hold_weigh_no_less_than_those_that_do(
    signal: Signal, data: st.DataObject
) -> None:
    """Whatever they hold: empty records cost the engine as much as others."""
    records = data.draw(st.integers(0, 300))
    bodies = data.draw(st.lists(st.sampled_from([b"", b"\x2a\x01x", b"\x12\x00"]), min_size=1))
    kinds: dict[Signal, Any] = {
        Signal.TRACES: lambda body: b"\x12" + bytes([len(body)]) + body,
        Signal.LOGS: lambda body: b"\x12" + bytes([len(body)]) + body,
        Signal.METRICS: lambda _: b"\x0a\x00",
    }
    inner = b"".join(kinds[signal](bodies[n % len(bodies)]) for n in range(records))
    for tag in [b"\x2a", b"\x12"] if signal is Signal.METRICS else []:  # gauge, metric
        inner = tag + varint(len(inner)) + inner
    scope = b"\x12" + varint(len(inner)) + inner
    value = b"\x0a" + varint(len(scope)) + scope
    silent = Record("t", 0, 1, 0, value, None, ())
    telling = replace(silent, headers=((HEADER_RECORDS, b"%d" % records),))
    assert weight(silent, signal) >= weight(telling, signal)


def test_a_needlessly_long_encoding_does_not_make_a_message_lighter() -> None:
    one = b"\x92\x80\x80\x00\x00"
    inner = one * 60_000
    scope = b"\x12" + varint(len(inner)) + inner
    value = b"\x0a" + varint(len(scope)) + scope
    flood = Record("t", 0, 1, 0, value, None, ())
    assert weigh(flood) >= 60_000 * RECORD_WEIGHT


def test_ordinary_messages_are_counted_not_guessed() -> None:
    span = b"\x12\xe8\x07" + b"\x2a\xe5\x07" + b"\x12" * 997
    scope = b"\x12" + varint(len(span) * 9) + span * 9
    value = b"\x0a" + varint(len(scope)) + scope
    assert weigh(Record("t", 0, 1, 0, value, None, ())) == len(value) + MESSAGE_WEIGHT


@pytest.mark.parametrize("declared", [b"", b"-1", b"many", b"9" * 400, "٣".encode()])
def test_a_false_number_of_records_weighs_nothing(declared: bytes) -> None:
    odd = Record("otlp_spans", 0, 1, 0, b"x" * 10, None, ((HEADER_RECORDS, declared),))
    assert weigh(odd) == 10 + MESSAGE_WEIGHT
