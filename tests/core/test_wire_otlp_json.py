"""OTLP/JSON by the rules of the OTLP specification."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from sightline_core.wire.names import Signal
from sightline_core.wire.otlp import REPAIRED, accept_json
from sightline_core.wire.otlp_json import to_protobuf
from sightline_core.wire.schema import schema
from sightline_core.wire.split import MalformedTelemetry


def span_of(**fields: Any) -> Any:
    """Translate a request with one span."""
    return parse(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [fields]}]}]}).encode())


def value_of(**value: Any) -> Any:
    return span_of(attributes=[{"key": "k", "value": value}]).attributes[0].value


def parse(body: bytes) -> Any:
    request = schema(Signal.TRACES).request.FromString(to_protobuf(Signal.TRACES, body).data)
    return request.resource_spans[0].scope_spans[0].spans[0]


@pytest.mark.parametrize(
    "text", ["5b8efff798038103d269b633813fc60c", "5B8EFFF798038103D269B633813FC60C"]
)
def test_ids_are_hex_in_any_case(text: str) -> None:
    span = span_of(traceId=text, spanId=text[:16], parentSpanId=text[16:])
    assert span.trace_id == bytes.fromhex(text)
    assert span.span_id == bytes.fromhex(text[:16])
    assert span.parent_span_id == bytes.fromhex(text[16:])


@pytest.mark.parametrize("text", ["xyz", "5b8", "W47/95gDgQPSabYzgT/GDA=="])
def test_ids_that_are_not_hex_are_refused_with_their_place(text: str) -> None:
    with pytest.raises(MalformedTelemetry, match=r"resourceSpans\[0\].*\.traceId: expected hex"):
        span_of(traceId=text)


def test_enums_are_integers_only() -> None:
    assert span_of(kind=2).kind == 2
    assert span_of(kind=99).kind == 99
    for given_kind in ("SPAN_KIND_SERVER", "2", True, 2.5):
        with pytest.raises(MalformedTelemetry, match="kind: expected an integer enum value"):
            span_of(kind=given_kind)


@pytest.mark.parametrize("time", [1700000000123456789, "1700000000123456789"])
def test_64_bit_integers_are_strings_or_numbers(time: Any) -> None:
    assert span_of(startTimeUnixNano=time).start_time_unix_nano == 1700000000123456789


@pytest.mark.parametrize(
    "time", ["1_000", " 1", "0x10", "", 1.5, True, -1, 2**64, [], {}, "9" * 5000]
)
def test_numbers_that_are_none_are_refused(time: Any) -> None:
    with pytest.raises(MalformedTelemetry):
        span_of(startTimeUnixNano=time)


def test_names_are_lower_camel_case_only_and_unknown_fields_are_ignored() -> None:
    span = span_of(name="n", trace_state="ignored", traceState="kept", whatever={"a": [1]})
    assert (span.name, span.trace_state) == ("n", "kept")


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ({"stringValue": "ü€😀"}, "string_value", "ü€😀"),
        ({"stringValue": ""}, "string_value", ""),
        ({"boolValue": False}, "bool_value", False),
        ({"intValue": "-5"}, "int_value", -5),
        ({"intValue": 0}, "int_value", 0),
        ({"doubleValue": 1.5}, "double_value", 1.5),
        ({"doubleValue": 2}, "double_value", 2.0),
        ({"doubleValue": "Infinity"}, "double_value", math.inf),
        ({"bytesValue": "/+8="}, "bytes_value", b"\xff\xef"),
        ({"bytesValue": "_-8"}, "bytes_value", b"\xff\xef"),
    ],
)
def test_every_kind_of_attribute_value(value: dict[str, Any], kind: str, expected: Any) -> None:
    translated = value_of(**value)
    assert translated.WhichOneof("value") == kind
    assert getattr(translated, kind) == expected


def test_nested_values_empty_ones_included() -> None:
    value = value_of(
        kvlistValue={
            "values": [{"key": "a", "value": {"arrayValue": {"values": [{"intValue": 1}, {}]}}}]
        }
    )
    inner = value.kvlist_value.values[0].value.array_value.values
    assert [item.WhichOneof("value") for item in inner] == ["int_value", None]
    assert value_of(kvlistValue={}).WhichOneof("value") == "kvlist_value"
    assert value_of(arrayValue={"values": []}).WhichOneof("value") == "array_value"
    assert value_of().WhichOneof("value") is None


def test_null_is_absent() -> None:
    assert span_of(name=None, attributes=None, kind=None).name == ""


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"1", b'"x"', b"{", b'{"resourceSpans": {}}', b'{"resourceSpans": [1]}',
        b'{"resourceSpans": [null]}', b'{"resourceSpans": [{"scopeSpans": "x"}]}', b"NaN",
        b'{"resourceSpans": [{"schemaUrl": 5}]}', b"\xff\xfe",
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedTelemetry, match="cannot read the request"):
        to_protobuf(Signal.TRACES, body)


@pytest.mark.parametrize("depth", [200, 10_000, 500_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    for opening, closing in (
        ('{"arrayValue":{"values":[', "]}}"),
        ('{"kvlistValue":{"values":[{"value":', "}]}}"),
        ("[", "]"),
    ):
        value = opening * depth + "{}" + closing * depth
        body = (
            '{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"k","value":'
            + value
            + "}]}]}]}]}"
        )
        with pytest.raises(MalformedTelemetry):
            to_protobuf(Signal.TRACES, body.encode())


@pytest.mark.parametrize("name", [b"a\xffb", b"a\\ud800b"], ids=["utf-8", "surrogate"])
def test_characters_that_are_none_are_replaced_and_the_sender_is_told(name: bytes) -> None:
    body = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"%s"},{"name":"ok"}]}]}]}' % name
    accepted = accept_json(Signal.TRACES, body, limit=1 << 20)
    assert (accepted.records, accepted.rejected, accepted.message) == (2, 0, REPAIRED)
    assert parse(body).name == "a\ufffdb"


NAMES = st.text(max_size=10)  # without surrogates


@given(
    name=NAMES,
    start=st.integers(0, 2**64 - 1),
    numbers=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3),
    double=st.floats(allow_nan=False),
    data=st.binary(max_size=20),
)
def test_agrees_with_protobuf_json_where_the_rules_are_the_same(
    name: str, start: int, numbers: list[int], double: float, data: bytes
) -> None:
    request = schema(Signal.TRACES).request()
    span = request.resource_spans.add().scope_spans.add().spans.add()
    span.name, span.start_time_unix_nano = name, start
    for number in numbers:
        span.attributes.add(key=name).value.int_value = number
    span.attributes.add().value.double_value = double
    span.attributes.add().value.bytes_value = data
    span.events.add(name=name, time_unix_nano=start)
    body = json_format.MessageToJson(request, use_integers_for_enums=True).encode()
    assert parse(body) == span


def test_metrics_and_logs_in_json() -> None:
    metrics = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        {"name": "h", "histogram": {"aggregationTemporality": 2, "dataPoints": [
            {"count": "3", "sum": 1.5, "bucketCounts": ["1", 2], "explicitBounds": [0.5],
             "exemplars": [{"asInt": "4", "traceId": "0a" * 16}]}]}},
        {"name": "e", "exponentialHistogram": {"dataPoints": [
            {"scale": -1, "zeroCount": 1, "positive": {"offset": -2, "bucketCounts": ["7"]}}]}},
    ]}]}]}  # fmt: skip
    translated = to_protobuf(Signal.METRICS, json.dumps(metrics).encode())
    request = schema(Signal.METRICS).request.FromString(translated.data)
    histogram, exponential = request.resource_metrics[0].scope_metrics[0].metrics
    point = histogram.histogram.data_points[0]
    assert (list(point.bucket_counts), list(point.explicit_bounds)) == ([1, 2], [0.5])
    assert point.exemplars[0].trace_id == b"\x0a" * 16
    assert exponential.exponential_histogram.data_points[0].positive.offset == -2
    logs = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"severityNumber":9,"flags":1}]}]}]}'
    assert accept_json(Signal.LOGS, logs, limit=1000).records == 1
