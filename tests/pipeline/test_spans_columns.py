"""Every field of a span ends in its column."""

from __future__ import annotations

import json
import math
from base64 import b64encode
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from sightline_core.wire.names import Signal

MILLISECOND = 1_000_000


def full_span(otlp: Any, lane: Any) -> Span:
    span = Span(
        trace_id=lane.trace_id(),
        span_id=b"\x00\x01\x02\x03\x04\x05\x06\xff",
        trace_state="vendor=1,ot=th:c;rv:ffffffffffffff",
        parent_span_id=b"\xff" * 8,
        flags=0x101,
        name="GET /cart",
        kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=lane.now - 5 * MILLISECOND - 1,
        end_time_unix_nano=lane.now,
        attributes=otlp.attributes({"http.route": "/cart", "correlation.id": "c-1", "n": 7}),
        dropped_attributes_count=1,
        dropped_events_count=2,
        dropped_links_count=3,
        status=Status(code=Status.STATUS_CODE_ERROR, message="it broke"),
    )
    span.events.add(
        name="exception",
        time_unix_nano=lane.now - 1,
        attributes=otlp.attributes({"exception.type": "KeyError", "frames": [1, 2], "ok": False}),
        dropped_attributes_count=4,
    )
    span.events.add(name="", time_unix_nano=0)
    span.links.add(
        trace_id=b"\xaa" * 16,
        span_id=b"\xbb" * 8,
        trace_state="a=b",
        attributes=otlp.attributes({"why": "batch", "x": b"\x00"}),
        dropped_attributes_count=5,
        flags=1,
    )
    return span


def test_a_span_with_everything_set_is_stored_in_full(otlp: Any, lane: Any) -> None:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add(
        resource=otlp.resource(lane.service, pid=42), schema_url="https://resource/1"
    )
    group.resource.dropped_attributes_count = 6
    scope = group.scope_spans.add(spans=[full_span(otlp, lane)], schema_url="https://scope/2")
    scope.scope.name, scope.scope.version = "shop.http", "1.2.3"
    scope.scope.attributes.extend(otlp.attributes({"library": "x", "level": 1.5}))
    scope.scope.dropped_attributes_count = 7

    lane.send(Signal.TRACES, request)

    resource = {"service.name": lane.service, "pid": "42"}
    assert lane.row("otel_traces") == {
        "Timestamp": lane.text(lane.now - 5 * MILLISECOND - 1),
        "TraceId": lane.trace_id().hex(),
        "SpanId": "00010203040506ff",
        "ParentSpanId": "ff" * 8,
        "TraceState": "vendor=1,ot=th:c;rv:ffffffffffffff",
        "SpanName": "GET /cart",
        "SpanKind": "Server",
        "ServiceName": lane.service,
        "ResourceAttributes": resource,
        "ScopeName": "shop.http",
        "ScopeVersion": "1.2.3",
        "SpanAttributes": {"http.route": "/cart", "correlation.id": "c-1", "n": "7"},
        "Duration": 5 * MILLISECOND + 1,
        "StatusCode": "Error",
        "StatusMessage": "it broke",
        "Events.Timestamp": [lane.text(lane.now - 1), "1970-01-01 00:00:00.000000000"],
        "Events.Name": ["exception", ""],
        "Events.Attributes": [
            {"exception.type": "KeyError", "frames": "[1,2]", "ok": "false"},
            {},
        ],
        "Links.TraceId": ["aa" * 16],
        "Links.SpanId": ["bb" * 8],
        "Links.TraceState": ["a=b"],
        "Links.Attributes": [{"why": "batch", "x": "AA=="}],
        "CorrelationId": "c-1",
        "TraceFlags": 0x101,
        "AdjustedCount": 4,
        "SpanAttributeTypes": "ssi",
        "ResourceAttributeTypes": "si",
        "Events.AttributeTypes": ["sab", ""],
        "Events.DroppedAttributesCount": [4, 0],
        "Links.AttributeTypes": ["sx"],
        "Links.DroppedAttributesCount": [5],
        "Links.TraceFlags": [1],
        "ScopeAttributes": {"library": "x", "level": "1.5"},
        "ScopeAttributeTypes": "sd",
        "ScopeDroppedAttributesCount": 7,
        "ScopeSchemaUrl": "https://scope/2",
        "ResourceDroppedAttributesCount": 6,
        "ResourceSchemaUrl": "https://resource/1",
        "DroppedAttributesCount": 1,
        "DroppedEventsCount": 2,
        "DroppedLinksCount": 3,
        "Warnings": [],
        "Tenant": "default",
    }


def bare_span(lane: Any, **given: Any) -> Span:
    fields = {
        "trace_id": lane.trace_id(),
        "span_id": b"\x01" * 8,
        "name": "work",
        "start_time_unix_nano": lane.now,
        "end_time_unix_nano": lane.now + 1,
    }
    return Span(**{**fields, **given})


def test_a_span_with_only_what_is_needed_has_neutral_values_elsewhere(otlp: Any, lane: Any) -> None:
    lane.send(Signal.TRACES, otlp.spans(lane.service, bare_span(lane)))
    row = lane.row("otel_traces")
    neutral = {
        key: value
        for key, value in row.items()
        if key
        not in {
            "Timestamp", "TraceId", "SpanId", "SpanName", "Duration", "ServiceName", "Tenant",
            "ResourceAttributes", "ResourceAttributeTypes", "AdjustedCount",
        }
    }  # fmt: skip
    assert neutral.pop("SpanKind") == "Unspecified"
    assert neutral.pop("StatusCode") == "Unset"
    assert row["AdjustedCount"] == 1
    assert not any(neutral.values())


def test_every_kind_and_status_has_its_name(otlp: Any, lane: Any) -> None:
    spans = [
        bare_span(lane, span_id=bytes([9] * 7 + [kind]), kind=kind, status=Status(code=kind % 3))  # type: ignore[arg-type]
        for kind in range(7)
    ]
    lane.send(Signal.TRACES, otlp.spans(lane.service, *spans))
    rows = lane.rows("otel_traces", order="SpanId")
    assert [row["SpanKind"] for row in rows] == [
        "Unspecified", "Internal", "Server", "Client", "Producer", "Consumer", "Unspecified",
    ]  # fmt: skip
    assert [row["StatusCode"] for row in rows] == ["Unset", "Ok", "Error"] * 2 + ["Unset"]


def test_every_type_of_attribute_is_stored_with_its_letter(otlp: Any, lane: Any) -> None:
    given: dict[str, Any] = {
        "string": "text",
        "empty": "",
        "int": -(2**63),
        "true": True,
        "double": 0.1,
        "whole": 3.0,
        "nan": math.nan,
        "inf": math.inf,
        "minus": -math.inf,
        "bytes": b"\xff\x00",
        "no bytes": b"",
        "array": ["a/b", 1, True, 1.5, None, b"\x01"],
        "empty array": [],
        "kvlist": {"k": "v", "n": 1},
        "empty kvlist": {},
        "null": None,
        "": "empty key",
        "ключ 🗝": "значение",
    }
    lane.send(
        Signal.TRACES,
        otlp.spans(lane.service, bare_span(lane, attributes=otlp.attributes(given))),
    )
    row = lane.row("otel_traces")
    assert row["SpanAttributes"] == {
        "string": "text",
        "empty": "",
        "int": "-9223372036854775808",
        "true": "true",
        "double": "0.1",
        "whole": "3",
        "nan": "nan",
        "inf": "inf",
        "minus": "-inf",
        "bytes": "/wA=",
        "no bytes": "",
        "array": '["a/b",1,true,1.5,null,"AQ=="]',
        "empty array": "[]",
        "kvlist": '{"k":"v","n":1}',
        "empty kvlist": "{}",
        "null": "",
        "": "empty key",
        "ключ 🗝": "значение",
    }
    assert row["SpanAttributeTypes"] == "ssibdddddxxaakknss"


def test_repeated_keys_are_all_kept_in_order(otlp: Any, lane: Any) -> None:
    pairs = otlp.pairs([("k", 1), ("other", 2), ("k", "three")])
    lane.send(Signal.TRACES, otlp.spans(lane.service, bare_span(lane, attributes=pairs)))
    found = lane.value(
        "SELECT tuple(mapKeys(SpanAttributes), mapValues(SpanAttributes), SpanAttributeTypes) "
        "FROM otel_traces WHERE ServiceName = {service:String}"
    )
    assert found == (["k", "other", "k"], ["1", "2", "three"], "iis")


def test_what_nests_deeper_than_columns_do_is_kept_as_its_bytes(otlp: Any, lane: Any) -> None:
    deep = otlp.value([["in", ["deeper"]]])
    inner = deep.array_value.values[0].array_value.SerializeToString()
    fields = otlp.value({"a": {"b": {"c": 1}}})
    within = fields.kvlist_value.values[0].value.kvlist_value.SerializeToString()
    span = bare_span(lane)
    span.attributes.add(key="list", value=deep)
    span.attributes.add(key="map", value=fields)
    lane.send(Signal.TRACES, otlp.spans(lane.service, span))
    stored = lane.row("otel_traces")["SpanAttributes"]
    assert json.loads(stored["list"]) == [{"@otlp.array": b64encode(inner).decode()}]
    assert json.loads(stored["map"]) == {"a": {"@otlp.kvlist": b64encode(within).decode()}}


def test_a_ten_thousand_deep_value_is_kept_as_its_bytes(otlp: Any, lane: Any) -> None:
    encoded = b"\x0a\x01x"  # AnyValue { string_value: "x" }
    for _ in range(10_000):
        array = b"\x0a" + varint(len(encoded)) + encoded  # ArrayValue { values: … }
        encoded = b"\x2a" + varint(len(array)) + array  # AnyValue { array_value: … }
    pair = b"\x0a\x01k\x12" + varint(len(encoded)) + encoded
    span = bare_span(lane).SerializeToString() + b"\x4a" + varint(len(pair)) + pair
    scope = b"\x12" + varint(len(span)) + span
    shell = otlp.spans(lane.service).resource_spans[0].resource.SerializeToString()
    group = b"\x0a" + varint(len(shell)) + shell + b"\x12" + varint(len(scope)) + scope
    lane.send(Signal.TRACES, b"\x0a" + varint(len(group)) + group)
    row = lane.row("otel_traces")
    assert row["SpanAttributeTypes"] == "a"
    assert len(row["SpanAttributes"]["k"]) > 30_000


def varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def test_oddities_are_stored_with_a_warning(otlp: Any, lane: Any) -> None:
    odd = bare_span(lane, name="", parent_span_id=b"\x01\x02", end_time_unix_nano=lane.now - 1)
    lane.send(Signal.TRACES, otlp.spans(lane.service, odd))
    row = lane.row("otel_traces")
    assert row["Warnings"] == ["end_before_start", "parent_span_id_invalid", "name_missing"]
    assert (row["Duration"], row["ParentSpanId"]) == (0, "")


def test_an_all_zero_parent_is_no_parent(otlp: Any, lane: Any) -> None:
    lane.send(Signal.TRACES, otlp.spans(lane.service, bare_span(lane, parent_span_id=bytes(8))))
    row = lane.row("otel_traces")
    assert (row["ParentSpanId"], row["Warnings"]) == ("", [])


def test_the_sampling_threshold_gives_the_adjusted_count(otlp: Any, lane: Any) -> None:
    states = {
        "": 1,
        "ot=th:0": 1,
        "ot=th:8": 2,
        "ot=rv:0123456789abcd;th:c": 4,
        "x=th:8": 1,
        "ot=th:ffffffffffffff": pytest.approx(2.0**56),
        "ot=th:fd70a": pytest.approx(100, rel=1e-4),
        "ot=th:zz": 1,
    }
    spans = [
        bare_span(lane, span_id=number.to_bytes(8, "big"), trace_state=state)
        for number, state in enumerate(states, start=1)
    ]
    lane.send(Signal.TRACES, otlp.spans(lane.service, *spans))
    counts = [row["AdjustedCount"] for row in lane.rows("otel_traces", order="SpanId")]
    assert counts == list(states.values())


def test_times_of_events_beyond_the_calendar_do_not_wrap_around(otlp: Any, lane: Any) -> None:
    span = bare_span(lane)
    span.events.add(name="far", time_unix_nano=2**64 - 1)
    lane.send(Signal.TRACES, otlp.spans(lane.service, span))
    assert lane.row("otel_traces")["Events.Timestamp"] == ["2262-04-11 23:47:16.854775807"]
