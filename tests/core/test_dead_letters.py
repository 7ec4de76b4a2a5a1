"""Reading, masking and mending dead letters, whatever is in them."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from sightline_core.bus.protocol import Record
from sightline_core.dead_letters.content import gist, read_content
from sightline_core.dead_letters.fix import CannotFix, Fix, apply_fix
from sightline_core.dead_letters.letter import (
    Source,
    normalised,
    read_letter,
    redriven_headers,
    sources,
    split_headers,
)
from sightline_core.dead_letters.partial import decode_partially
from sightline_core.dead_letters.redact import redact, redact_text
from sightline_core.wire.names import Signal
from sightline_core.wire.otlp_json import to_protobuf

if TYPE_CHECKING:
    from collections.abc import Sequence

SPANS = Source("otlp_spans.dlq", "otlp_spans", Signal.TRACES)
METRICS = Source("otlp_metrics.dlq", "otlp_metrics", Signal.METRICS)
ORDERS = Source("orders.dlq", "orders")


def request(spans: int = 3) -> ExportTraceServiceRequest:
    made = ExportTraceServiceRequest()
    group = made.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = "shop"
    scope = group.scope_spans.add()
    for number in range(spans):
        span = scope.spans.add(name=f"op {number}", trace_id=b"t" * 16, span_id=b"s" * 8, kind=2)
        span.start_time_unix_nano = 1_700_000_000_000_000_000 + number
        span.attributes.add(key="n").value.int_value = -number
        span.attributes.add(key="d").value.double_value = 0.5
    return made


def record(value: bytes, headers: Sequence[tuple[str, bytes]] = (), topic: str = "") -> Record:
    return Record(topic or SPANS.topic, 0, 3, 1_700_000_000_000, value, None, tuple(headers))


def fixed(value: bytes, *steps: dict[str, Any], source: Source = SPANS) -> bytes:
    letter = read_letter(record(value), source)
    return apply_fix(Fix.model_validate({"steps": steps}), letter, value).value


def test_a_whole_message_is_read_as_otlp_json() -> None:
    value = request().SerializeToString()
    found = decode_partially(ExportTraceServiceRequest.DESCRIPTOR, value)
    assert found.whole
    assert to_protobuf(Signal.TRACES, json.dumps(found.tree).encode()).data == value


def test_packed_numbers_and_infinities_survive() -> None:
    made = ExportMetricsServiceRequest()
    metric = made.resource_metrics.add().scope_metrics.add().metrics.add(name="m")
    point = metric.histogram.data_points.add(sum=float("inf"), max=float("nan"))
    point.bucket_counts.extend([1, 2, 1 << 60])
    point.explicit_bounds.extend([0.5, -1.5])
    value = made.SerializeToString()
    found = decode_partially(ExportMetricsServiceRequest.DESCRIPTOR, value)
    again = to_protobuf(Signal.METRICS, json.dumps(found.tree).encode()).data
    assert ExportMetricsServiceRequest.FromString(again).SerializeToString() == value


@given(st.integers(0, 10_000))
def test_a_message_cut_anywhere_is_read_up_to_there(cut: int) -> None:
    value = request(20).SerializeToString()
    part = value[: cut % len(value)]
    found = decode_partially(ExportTraceServiceRequest.DESCRIPTOR, part)
    whole = decode_partially(ExportTraceServiceRequest.DESCRIPTOR, value).tree
    got = [one["name"] for one in _spans(found.tree) if "name" in one]
    # The name of the span that was being cut may be cut itself.
    assert got[:-1] == [one["name"] for one in _spans(whole)][: max(0, len(got) - 1)]


def test_what_is_behind_a_damaged_part_of_known_length_is_read_too() -> None:
    good = request(1).SerializeToString()
    found = decode_partially(
        ExportTraceServiceRequest.DESCRIPTOR, good + b"\x0a\x02\xff\xff" + good
    )
    assert len(_spans(found.tree)) == 2
    assert found.breaks[0].offset == len(good) + 2


@given(st.binary(max_size=300), st.sampled_from(sorted(sources({"orders.dlq": "orders"}))))
def test_no_bytes_upset_the_reader(value: bytes, topic: str) -> None:
    source = sources({"orders.dlq": "orders"})[topic]
    content = read_content(source, value)
    json.dumps(redact(content.tree)).encode()
    gist(source, record(value, topic=topic), content)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [
                    "sightline-dlq-offset", "sightline-dlq-partition", "sightline-dlq-timestamp",
                    "sightline-dlq-topic", "sightline-redrive-letter", "sightline-redrive-count",
                    "kafka_dlt-original-offset", "kafka_dlt-original-partition", "sightline-seq",
                    "sightline-received-at", "traceparent", "",
                ]
            ),
            st.one_of(st.binary(max_size=30), st.integers(0, 1 << 70).map(lambda n: b"%d" % n)),
        ),
        max_size=8,
    )
)  # fmt: skip
def test_no_headers_upset_the_reader(headers: list[tuple[str, bytes]]) -> None:
    for source in (SPANS, ORDERS):
        letter = read_letter(record(b"x", headers), source)
        assert len(letter.id) == 32
        assert 0 <= letter.place.partition < 1 << 32
        assert 0 <= letter.place.offset < 1 << 64
        original, _ = split_headers(tuple(headers))
        again = redriven_headers(letter, original, "a" * 32, letter.redrives + 1)
        second = read_letter(record(b"y", again), source)
        assert (second.id, second.redrives) == (letter.id, letter.redrives + 1)
        assert second.first_seen == letter.first_seen


def test_one_error_has_one_pattern() -> None:
    first = (
        "Code: 32. row 7 of 'a.b' at 10.0.0.1:80, 2026-01-02T03:04:05Z, id 5f0c2b3a9d8e7f60 (0.5 s)"
    )
    second = (
        'Code: 33. row 81 of "zz" at 10.9.0.2:81, 2027-01-02 13:04:05, id 00aa2b3a9d8e7f61 (12 s)'
    )
    assert normalised(first) == normalised(second)
    assert normalised("cannot read x") != normalised("cannot read y")


@pytest.mark.parametrize(
    "text",
    [
        "password=SECRET",
        '{"api_key": "SECRET", "a": 1}',
        "Authorization: Bearer SECRETSECRET",
        "postgres://app:SECRET@db/shop",
        "token: SECRET",
        "clientSecret='SECRET'",
        "-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nSECRET, cut",
        "eyJhbGciOi.eyJzdSECRET.SECRET",
        "ghp_SECRETSECRETSECRET1",
    ],
)
def test_secrets_are_masked_in_text(text: str) -> None:
    assert "SECRET" not in redact_text(text)
    assert "[redacted:" in redact_text(text)


def test_what_is_no_secret_is_left_alone() -> None:
    for text in (
        "POST /order 4711",
        "1795387466680368867",
        "1700000000000",
        "author=ada",
        "spinning",
    ):
        assert redact_text(text) == text
    assert redact_text("card 4111 1111 1111 1111") == "card [redacted:card]"
    assert redact_text("order 4111 1111 1111 1112") == "order 4111 1111 1111 1112"
    assert redact({"input_tokens": 3, "tokens": 4}) == {"input_tokens": 3, "tokens": 4}


def test_secrets_are_masked_by_their_names() -> None:
    attribute = {"key": "db.password", "value": {"intValue": "1"}}
    hidden = {"stringValue": "[redacted:password]"}
    assert redact([attribute]) == [{"key": "db.password", "value": hidden}]
    assert redact({"sessionId": ["a"], "cookies": {"a": 1}}) == {
        "sessionId": "[redacted:session]",
        "cookies": "[redacted:cookie]",
    }


@pytest.mark.parametrize("text", ["password=" * 8000, "a@" * 40_000, "eyJ" * 20_000, "1 " * 32_000])
def test_masking_takes_little_time_whatever_the_text(text: str) -> None:
    assert redact_text(text) is not None  # the suite's timeout guards it


def test_steps_change_what_they_say() -> None:
    value = request().SerializeToString()
    changed = ExportTraceServiceRequest.FromString(
        fixed(
            value,
            {"op": "set", "attribute": "env", "value": "prod", "scope": "resource"},
            {"op": "replace", "attribute": "n", "value": True, "old": -1},
            {"op": "replace", "attribute": "absent", "value": 1},
            {"op": "drop", "attribute": "d"},
            {"op": "clamp_time", "max_past_seconds": 0, "max_future_seconds": 0},
        )
    )
    group = changed.resource_spans[0]
    assert [one.key for one in group.resource.attributes] == ["service.name", "env"]
    spans = group.scope_spans[0].spans
    assert [one.attributes[0].value.WhichOneof("value") for one in spans] == [
        "int_value", "bool_value", "int_value",
    ]  # fmt: skip
    assert {len(one.attributes) for one in spans} == {1}
    assert {one.start_time_unix_nano for one in spans} == {1_700_000_000_000_000_000}


def test_data_points_have_the_attributes_of_metrics() -> None:
    made = ExportMetricsServiceRequest()
    metric = made.resource_metrics.add().scope_metrics.add().metrics.add(name="m")
    metric.gauge.data_points.add(as_int=1).attributes.add(key="a").value.string_value = "x"
    value = fixed(made.SerializeToString(), {"op": "drop", "attribute": "a"}, source=METRICS)
    again = ExportMetricsServiceRequest.FromString(value)
    (point,) = again.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points
    assert (point.as_int, len(point.attributes)) == (1, 0)


def test_a_damaged_message_is_changed_only_when_told_to_salvage() -> None:
    value = request().SerializeToString() + struct.pack("<BB", 0x0A, 0x7F)
    with pytest.raises(CannotFix, match="add the step salvage"):
        fixed(value, {"op": "drop", "attribute": "n"})
    saved = ExportTraceServiceRequest.FromString(fixed(value, {"op": "salvage"}))
    assert saved.resource_spans[0] == request().resource_spans[0]
    with pytest.raises(CannotFix, match="holds no span"):
        fixed(b"\x0a\x7f", {"op": "salvage"})


def test_text_that_is_not_utf8_is_repaired() -> None:
    value = request(1).SerializeToString().replace(b"op 0", b"o\xff 0")
    saved = ExportTraceServiceRequest.FromString(fixed(value, {"op": "repair_text"}))
    assert saved.resource_spans[0].scope_spans[0].spans[0].name == "o\ufffd 0"


def test_members_of_json_are_changed_by_their_path() -> None:
    value = b'{"a": {"b": 1}, "c": [1], "d": "x"}'
    steps: list[dict[str, Any]] = [
        {"op": "set", "attribute": "a.new", "value": None},
        {"op": "set", "attribute": "c.x", "value": 1},
        {"op": "replace", "attribute": "a.b", "value": 2},
        {"op": "replace", "attribute": "d", "value": "y", "old": "z"},
        {"op": "drop", "attribute": "no.such"},
    ]
    changed = json.loads(fixed(value, *steps, source=ORDERS))
    assert changed == {"a": {"b": 2, "new": None}, "c": [1], "d": "x"}
    with pytest.raises(CannotFix, match="set, replace and drop"):
        fixed(value, {"op": "salvage"}, source=ORDERS)


def test_steps_that_change_nothing_change_no_byte_of_what_matters() -> None:
    value = request().SerializeToString()
    assert fixed(value) == value
    assert ExportTraceServiceRequest.FromString(fixed(value, {"op": "salvage"})) == request()


def _spans(tree: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        span
        for group in tree.get("resourceSpans", ())
        for scope in group.get("scopeSpans", ())
        for span in scope.get("spans", ())
    ]
