"""OTLP requests pass whole, are cut by records, are repaired, or are refused; nothing vanishes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline_core.wire import split
from sightline_core.wire.names import Signal
from sightline_core.wire.otlp import REPAIRED, accept
from sightline_core.wire.schema import response, schema
from sightline_core.wire.split import MAX_RECORDS, MalformedTelemetry, Splitter, TooManyRecords

ROOMY = 1 << 20
KINDS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")

# One request: resources of scopes of records; a record is (its number of payload bytes).
SHAPES = st.lists(
    st.lists(st.lists(st.integers(0, 300), max_size=6), max_size=3), min_size=1, max_size=3
)


def build(signal: Signal, shape: list[list[list[int]]]) -> Any:
    """A request of that shape whose records are numbered in order."""
    request = schema(signal).request()
    number = 0
    for index, scopes in enumerate(shape):
        resource = getattr(request, f"resource_{_plural(signal)}").add(schema_url=f"url {index}")
        resource.resource.attributes.add(key="service.name").value.string_value = f"svc {index}"
        for scope_index, records in enumerate(scopes):
            scope = getattr(resource, f"scope_{_plural(signal)}").add(schema_url="scope url")
            scope.scope.name = f"scope {scope_index}"
            for size in records:
                _add(signal, scope, number, size)
                number += 1
    return request


def _plural(signal: Signal) -> str:
    return "spans" if signal is Signal.TRACES else signal.value


def _add(signal: Signal, scope: Any, number: int, size: int) -> None:
    if signal is Signal.TRACES:
        scope.spans.add(name=f"{number}", trace_state="x" * size)
    elif signal is Signal.LOGS:
        scope.log_records.add(severity_text=f"{number}").body.string_value = "x" * size
    else:
        metric = scope.metrics.add(name="m", unit="By")
        data = getattr(metric, KINDS[number % 5])
        if hasattr(data, "aggregation_temporality"):
            data.aggregation_temporality = 2
        for point in range(3):
            attribute = data.data_points.add(time_unix_nano=number * 10 + point).attributes.add()
            attribute.value.string_value = "x" * size


def flatten(signal: Signal, request: Any) -> list[tuple[Any, ...]]:
    """Every record with everything that belongs to it."""
    found: list[tuple[Any, ...]] = []
    for resource in getattr(request, f"resource_{_plural(signal)}"):
        for scope in getattr(resource, f"scope_{_plural(signal)}"):
            around = (
                resource.resource.SerializeToString(),
                resource.schema_url,
                scope.scope.SerializeToString(),
                scope.schema_url,
            )
            found += [(*around, *record) for record in _records(signal, scope)]
    return found


def _records(signal: Signal, scope: Any) -> list[tuple[Any, ...]]:
    if signal is Signal.TRACES:
        return [(span.SerializeToString(),) for span in scope.spans]
    if signal is Signal.LOGS:
        return [(record.SerializeToString(),) for record in scope.log_records]
    points = []
    for metric in scope.metrics:
        kind = metric.WhichOneof("data")
        data = getattr(metric, kind)
        shared = (metric.name, metric.unit, kind, getattr(data, "aggregation_temporality", 0))
        points += [(*shared, point.SerializeToString()) for point in data.data_points]
    return points


@pytest.mark.parametrize("signal", Signal)
@given(shape=SHAPES)
def test_a_request_that_fits_is_passed_on_as_the_same_bytes(
    signal: Signal, shape: list[list[list[int]]]
) -> None:
    request = build(signal, shape)
    body = request.SerializeToString()
    accepted = accept(signal, body, limit=ROOMY)
    expected = len(flatten(signal, request))
    assert accepted.records == expected
    assert [payload.data for payload in accepted.payloads] == ([body] if expected else [])
    assert all(payload.data is body for payload in accepted.payloads)
    assert (accepted.rejected, accepted.message) == (0, "")


@pytest.mark.parametrize("signal", Signal)
@given(shape=SHAPES, limit=st.integers(200, 2000))
def test_splitting_keeps_every_record_in_order_and_stays_under_the_limit(
    signal: Signal, shape: list[list[list[int]]], limit: int
) -> None:
    request = build(signal, shape)
    accepted = accept(signal, request.SerializeToString(), limit=limit)

    assert all(len(payload.data) <= limit for payload in accepted.payloads)
    parts = [schema(signal).request.FromString(payload.data) for payload in accepted.payloads]
    kept = [record for part in parts for record in flatten(signal, part)]
    sent = flatten(signal, request)
    assert accepted.records == len(kept)
    assert accepted.records + accepted.rejected == len(sent)
    remaining = iter(sent)
    assert all(record in remaining for record in kept), "changed, doubled or out of order"
    if limit >= 1200:  # roomier than any of these records with what surrounds it
        assert accepted.rejected == 0
    assert bool(accepted.message) == bool(accepted.rejected)


@pytest.mark.parametrize("signal", Signal)
@given(shape=SHAPES, limit=st.sampled_from([1200, ROOMY]), most=st.integers(1, 8))
def test_splitting_by_records_keeps_every_record_in_order(
    signal: Signal, shape: list[list[list[int]]], limit: int, most: int
) -> None:
    request = build(signal, shape)
    body = request.SerializeToString()
    splitter = Splitter(signal, limit, records=most)
    parts = list(splitter.split(body))
    found = [flatten(signal, schema(signal).request.FromString(part)) for part in parts]
    assert all(len(records) <= most for records in found)
    assert all(len(part) <= limit for part in parts)
    sent = flatten(signal, request)
    assert [record for records in found for record in records] == sent
    assert splitter.rejected == 0
    if len(sent) <= most and len(body) <= limit:
        assert parts == [body]


@pytest.mark.parametrize("signal", Signal)
def test_a_flood_of_empty_records_becomes_messages_of_bounded_record_counts(signal: Signal) -> None:
    flood = b"\x12\x00" * 400_000
    if signal is Signal.METRICS:
        flood = _field(2, _field(5, b"\x0a\x00" * 400_000))
    accepted = accept(signal, _field(1, _field(2, flood)), limit=8 << 20)
    assert [payload.records for payload in accepted.payloads] == [MAX_RECORDS] * 8
    assert (accepted.records, accepted.rejected, accepted.message) == (400_000, 0, "")


@pytest.mark.parametrize(("extra", "messages"), [(0, 1), (1, 2)])
def test_one_record_over_the_limit_makes_two_messages(extra: int, messages: int) -> None:
    body = _field(1, _field(2, b"\x12\x00" * (MAX_RECORDS + extra)))
    accepted = accept(Signal.LOGS, body, limit=ROOMY)
    assert len(accepted.payloads) == messages
    assert accepted.records == MAX_RECORDS + extra
    assert (accepted.payloads[0].data is body) is (messages == 1)


def test_a_large_resource_does_not_cost_records_that_are_only_many() -> None:
    resource = _field(1, _field(1, _field(1, b"k") + _field(2, _field(1, b"x" * 700_000))))
    body = _field(1, resource + _field(2, b"\x12\x00" * 120_000))
    accepted = accept(Signal.TRACES, body, limit=ROOMY)
    assert [payload.records for payload in accepted.payloads] == [50_000, 50_000, 20_000]
    assert accepted.rejected == 0


def test_a_second_kind_of_data_in_one_metric_does_not_hide_a_flood() -> None:
    hidden = _field(5, b"\x0a\x00") + _field(7, b"\x0a\x00" * 120_000)
    accepted = accept(Signal.METRICS, _field(1, _field(2, _field(2, hidden))), limit=ROOMY)
    assert [payload.records for payload in accepted.payloads] == [50_000, 50_000, 20_000]


def test_a_flood_with_invalid_utf8_is_repaired_and_cut() -> None:
    body = _field(1, _field(2, b"\x12\x00" * 120_000 + _field(3, b"\xff")))
    accepted = accept(Signal.TRACES, body, limit=ROOMY)
    assert [payload.records for payload in accepted.payloads] == [50_000, 50_000, 20_000]
    assert accepted.message == REPAIRED


@pytest.mark.parametrize("signal", Signal)
def test_one_record_larger_than_the_limit_is_rejected_and_its_neighbours_are_kept(
    signal: Signal,
) -> None:
    per_record = 3 if signal is Signal.METRICS else 1
    request = build(signal, [[[10, 5000, 10]]])
    accepted = accept(signal, request.SerializeToString(), limit=1000)
    assert accepted.records == 2 * per_record
    assert accepted.rejected == per_record
    assert f"{signal.record}s larger than 1000 bytes were rejected" in accepted.message


def test_a_resource_too_large_to_repeat_rejects_its_records_only() -> None:
    request = build(Signal.LOGS, [[[10, 10]], [[10]]])
    request.resource_logs[0].resource.attributes[0].value.string_value = "x" * 1100
    accepted = accept(Signal.LOGS, request.SerializeToString(), limit=1000)
    assert (accepted.records, accepted.rejected) == (1, 2)


def test_parts_cannot_multiply_a_request() -> None:
    request = build(Signal.LOGS, [[[60] * 100]])
    request.resource_logs[0].resource.attributes[0].value.string_value = "x" * 800
    body = request.SerializeToString()
    accepted = accept(Signal.LOGS, body, limit=1000)
    assert sum(len(payload.data) for payload in accepted.payloads) < 4 * len(body)
    assert accepted.records + accepted.rejected == 100


def test_fields_that_we_do_not_know_survive_splitting() -> None:
    request = build(Signal.TRACES, [[[300] * 6]])
    unknown = b"\xfa\x3f\x03new"  # field 1023
    body = request.SerializeToString() + unknown
    accepted = accept(Signal.TRACES, body, limit=1000)
    assert len(accepted.payloads) > 1
    assert all(unknown in payload.data for payload in accepted.payloads)


def test_a_flood_of_empty_records_is_refused_instead_of_taken_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(split, "MAX_ENTRIES", 1000)
    body = b"\x0a\x00" * 2000
    with pytest.raises(TooManyRecords, match="2000 entries"):
        accept(Signal.TRACES, body, limit=1000)


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize("body", [b"", b"\x0a\x00", b"\x0a\x02\x12\x00"])
def test_an_empty_request_is_accepted_and_leaves_nothing_to_send(
    signal: Signal, body: bytes
) -> None:
    accepted = accept(signal, body, limit=ROOMY)
    assert (accepted.payloads, accepted.rejected, accepted.message) == ((), 0, "")


@pytest.mark.parametrize("limit", [ROOMY, 64])
@pytest.mark.parametrize(
    "body",
    [b"\x0a\x05abc", b"\xff" * 200, b"\x1f\x8b\x08\x00", b'{"resourceSpans":[]}' * 20],
    ids=["truncated", "garbage", "gzip", "json"],
)
def test_damaged_bytes_are_refused(body: bytes, limit: int) -> None:
    with pytest.raises(MalformedTelemetry, match="cannot read the request"):
        accept(Signal.TRACES, body, limit=limit)


@given(st.binary(max_size=400), st.sampled_from([64, ROOMY]), st.sampled_from(Signal))
def test_any_bytes_are_either_accepted_or_refused(body: bytes, limit: int, signal: Signal) -> None:
    try:
        accepted = accept(signal, body, limit=limit)
    except MalformedTelemetry:
        return
    assert accepted.records >= 0


@pytest.mark.parametrize("kind", ["array", "kvlist"])
def test_ten_thousand_levels_are_refused(kind: str) -> None:
    # Built as bytes: the library would refuse to write it, too.
    value = b""
    for _ in range(10_000):
        if kind == "kvlist":
            value = _field(1, _field(2, value))
            value = _field(6, value)
        else:
            value = _field(5, _field(1, value))
    span = _field(9, _field(2, value))
    body = _field(1, _field(2, _field(2, span)))
    with pytest.raises(MalformedTelemetry):
        accept(Signal.TRACES, body, limit=ROOMY)


def test_thirty_levels_are_accepted() -> None:
    value = b"\x0a\x01x"
    for _ in range(30):
        value = _field(5, _field(1, value))
    body = _field(1, _field(2, _field(2, _field(9, _field(2, value)))))
    assert accept(Signal.TRACES, body, limit=ROOMY).records == 1


def _field(number: int, content: bytes) -> bytes:
    return split._entry(number, content)


class TestInvalidUtf8:
    """One bad string must not cost its neighbours."""

    @pytest.mark.parametrize("signal", Signal)
    def test_is_replaced_everywhere_and_nothing_else_changes(self, signal: Signal) -> None:
        body = build(signal, [[[10, 10]], [[10]]]).SerializeToString()
        broken = body.replace(b"svc 1", b"svc\xff1").replace(b"scope 0", b"scope\xc30")
        accepted = accept(signal, broken, limit=ROOMY)
        assert accepted.message == REPAIRED
        assert accepted.rejected == 0
        (payload,) = accepted.payloads
        expected = build(signal, [[[10, 10]], [[10]]])
        resources = getattr(expected, f"resource_{_plural(signal)}")
        resources[1].resource.attributes[0].value.string_value = "svc\ufffd1"
        for resource in resources:
            getattr(resource, f"scope_{_plural(signal)}")[0].scope.name = "scope\ufffd0"
        assert schema(signal).request.FromString(payload.data) == expected

    def test_repair_that_grows_past_the_limit_is_split(self) -> None:
        body = build(Signal.TRACES, [[[300, 300]]]).SerializeToString()
        broken = body.replace(b"x", b"\xff")
        accepted = accept(Signal.TRACES, broken, limit=1100)
        assert (accepted.records, accepted.rejected) == (2, 0)
        assert len(accepted.payloads) == 2
        assert all(len(payload.data) <= 1100 for payload in accepted.payloads)

    def test_bytes_fields_are_left_alone(self) -> None:
        request = build(Signal.TRACES, [[[1]]])
        span = request.resource_spans[0].scope_spans[0].spans[0]
        span.trace_id = b"\xff" * 16
        span.attributes.add(key="k").value.bytes_value = b"\xfe"
        body = request.SerializeToString().replace(b"svc 0", b"svc\xff0")
        (payload,) = accept(Signal.TRACES, body, limit=ROOMY).payloads
        mended = schema(Signal.TRACES).request.FromString(payload.data)
        assert mended.resource_spans[0].scope_spans[0].spans[0] == span


@pytest.mark.parametrize(
    ("signal", "field"),
    [
        (Signal.TRACES, "rejected_spans"),
        (Signal.LOGS, "rejected_log_records"),
        (Signal.METRICS, "rejected_data_points"),
    ],
)
def test_partial_success_is_set_only_to_say_something(signal: Signal, field: str) -> None:
    assert not response(signal).HasField("partial_success")
    said = response(signal, rejected=2, message="why")
    assert getattr(said.partial_success, field) == 2
    assert said.partial_success.error_message == "why"
