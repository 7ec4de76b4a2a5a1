"""Every field of a log record ends in its column."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from sightline_core.wire.names import Signal

SECOND = 1_000_000_000


def test_a_log_record_with_everything_set_is_stored_in_full(otlp: Any, lane: Any) -> None:
    record = LogRecord(
        time_unix_nano=lane.now - 3,
        observed_time_unix_nano=lane.now - 1,
        severity_number=17,  # type: ignore[arg-type]
        severity_text="ERROR2",
        body=otlp.value("payment refused"),
        attributes=otlp.attributes({"correlation.id": "c-9", "retry": 2, "tags": ["a"]}),
        dropped_attributes_count=1,
        flags=0x201,
        trace_id=lane.trace_id(),
        span_id=b"\xab" * 8,
        event_name="payment.refused",
    )
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add(
        resource=otlp.resource(lane.service, pid=42), schema_url="https://resource/1"
    )
    group.resource.dropped_attributes_count = 6
    scope = group.scope_logs.add(log_records=[record], schema_url="https://scope/2")
    scope.scope.name, scope.scope.version = "shop.pay", "1.2.3"
    scope.scope.attributes.extend(otlp.attributes({"library": "x", "on": True}))
    scope.scope.dropped_attributes_count = 7

    lane.send(Signal.LOGS, request)

    assert lane.row("otel_logs") == {
        "Timestamp": lane.text(lane.now - 3),
        "TraceId": lane.trace_id().hex(),
        "SpanId": "ab" * 8,
        "TraceFlags": 1,
        "SeverityText": "ERROR2",
        "SeverityNumber": 17,
        "ServiceName": lane.service,
        "Body": "payment refused",
        "ResourceSchemaUrl": "https://resource/1",
        "ResourceAttributes": {"service.name": lane.service, "pid": "42"},
        "ScopeSchemaUrl": "https://scope/2",
        "ScopeName": "shop.pay",
        "ScopeVersion": "1.2.3",
        "ScopeAttributes": {"library": "x", "on": "true"},
        "LogAttributes": {"correlation.id": "c-9", "retry": "2", "tags": '["a"]'},
        "EventName": "payment.refused",
        "CorrelationId": "c-9",
        "Severity": "error",
        "BodyType": "s",
        "ObservedTimestamp": lane.text(lane.now - 1),
        "Flags": 0x201,
        "TimeSource": "time",
        "LogAttributeTypes": "sia",
        "ResourceAttributeTypes": "si",
        "ScopeAttributeTypes": "sb",
        "DroppedAttributesCount": 1,
        "ResourceDroppedAttributesCount": 6,
        "ScopeDroppedAttributesCount": 7,
        "Warnings": [],
        "Tenant": "default",
    }


def log(lane: Any, **given: Any) -> LogRecord:
    return LogRecord(**{"time_unix_nano": lane.now, **given})


def test_every_severity_number_has_its_level(otlp: Any, lane: Any) -> None:
    records = [log(lane, severity_number=n, time_unix_nano=lane.now + n) for n in range(25)]
    lane.send(Signal.LOGS, otlp.logs(lane.service, *records))
    rows = lane.rows("otel_logs", order="Timestamp")
    levels = ["trace", "debug", "info", "warn", "error", "fatal"]
    assert [row["Severity"] for row in rows] == [""] + [name for name in levels for _ in range(4)]
    assert [row["SeverityNumber"] for row in rows] == list(range(25))
    assert not any(row["Warnings"] for row in rows)


def test_without_a_number_the_text_gives_the_level(otlp: Any, lane: Any) -> None:
    levels = {
        "TRACE": "trace", "Debug": "debug", "info": "info", "Information": "info",
        "NOTICE": "info", "WARNING": "warn", "warn": "warn", "err": "error", "ERROR": "error",
        "CRITICAL": "fatal", "panic": "fatal", "emergency": "fatal", "FATAL": "fatal",
        "loud": "", "": "",
    }  # fmt: skip
    lane.send(Signal.LOGS, otlp.logs(lane.service, *(log(lane, severity_text=t) for t in levels)))
    rows = lane.rows("otel_logs")
    assert {row["SeverityText"]: row["Severity"] for row in rows} == levels


@pytest.mark.parametrize("number", [-1, 25, 300])
def test_an_unknown_severity_number_is_a_warning(otlp: Any, lane: Any, number: int) -> None:
    # An enum field is a varint: 25 and the like can be on the wire, protobuf keeps them.
    record = log(lane).SerializeToString() + b"\x10" + varint(number % 2**64)
    group = b"\x12" + varint(len(record)) + record
    resource = otlp.resource(lane.service).SerializeToString()
    body = b"\x0a" + varint(len(resource)) + resource + b"\x12" + varint(len(group)) + group
    lane.send(Signal.LOGS, b"\x0a" + varint(len(body)) + body)
    row = lane.row("otel_logs")
    assert row["Warnings"] == [f"severity_number_unknown:{number}"]
    assert row["Severity"] == ""


def varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


@pytest.mark.parametrize(
    ("body", "text", "letter"),
    [
        ("a line", "a line", "s"),
        ("", "", "s"),
        (7, "7", "i"),
        (False, "false", "b"),
        (0.5, "0.5", "d"),
        (b"\x00\x01", "AAE=", "x"),
        (None, "", "n"),
        ([], "[]", "a"),
        ({}, "{}", "k"),
        (["a/b", [1, "x"], {"k": "v"}], None, "a"),
        ({"message": "m", "ctx": {"path": "/a/b", "n": 2.5}}, None, "k"),
    ],
)
def test_a_body_of_any_type_is_kept(
    otlp: Any, lane: Any, body: Any, text: str | None, letter: str
) -> None:
    lane.send(Signal.LOGS, otlp.logs(lane.service, log(lane, body=otlp.value(body))))
    row = lane.row("otel_logs")
    assert row["BodyType"] == letter
    if text is None:
        assert json.loads(row["Body"]) == body
        assert "\\/" not in row["Body"]
    else:
        assert row["Body"] == text


def test_a_record_without_a_body_says_so(otlp: Any, lane: Any) -> None:
    lane.send(Signal.LOGS, otlp.logs(lane.service, log(lane)))
    row = lane.row("otel_logs")
    assert (row["Body"], row["BodyType"]) == ("", "n")


def test_the_observed_time_stands_in_for_a_missing_one(otlp: Any, lane: Any) -> None:
    record = log(lane, time_unix_nano=0, observed_time_unix_nano=lane.now - 5)
    lane.send(Signal.LOGS, otlp.logs(lane.service, record))
    row = lane.row("otel_logs")
    assert (row["Timestamp"], row["TimeSource"]) == (lane.text(lane.now - 5), "observed")


def test_the_arrival_stands_in_when_no_time_was_sent(otlp: Any, lane: Any) -> None:
    lane.send(Signal.LOGS, otlp.logs(lane.service, log(lane, time_unix_nano=0)))
    row = lane.row("otel_logs")
    assert (row["Timestamp"], row["TimeSource"]) == (lane.text(lane.now), "received")
    assert row["ObservedTimestamp"].startswith("1970-01-01 00:00:00")


def test_ids_of_a_wrong_length_are_warnings_and_the_line_is_kept(otlp: Any, lane: Any) -> None:
    record = log(lane, trace_id=b"\x01\x02", span_id=b"\xff" * 9)
    lane.send(Signal.LOGS, otlp.logs(lane.service, record))
    row = lane.row("otel_logs")
    assert (row["TraceId"], row["SpanId"]) == ("", "")
    assert row["Warnings"] == ["trace_id_invalid:0102", f"span_id_invalid:{'ff' * 9}"]


def test_all_zero_ids_are_no_ids(otlp: Any, lane: Any) -> None:
    lane.send(Signal.LOGS, otlp.logs(lane.service, log(lane, trace_id=bytes(16), span_id=bytes(8))))
    row = lane.row("otel_logs")
    assert (row["TraceId"], row["SpanId"], row["Warnings"]) == ("", "", [])


def test_a_log_line_can_be_found_by_its_correlation_and_its_trace(otlp: Any, lane: Any) -> None:
    mine = f"c-{lane.topic}"
    record = log(
        lane, trace_id=lane.trace_id(), attributes=otlp.attributes({"correlation.id": mine})
    )
    lane.send(Signal.LOGS, otlp.logs(lane.service, record, record))
    rows = lane.store.rows(
        "SELECT Id, TraceId, sum(Logs) AS n FROM sightline_correlations "
        "WHERE TraceId = {id:String} GROUP BY 1, 2",
        {"id": lane.trace_id().hex()},
    )
    assert {(row["Id"], row["n"]) for row in rows} == {(mine, 2), (lane.trace_id().hex(), 2)}
