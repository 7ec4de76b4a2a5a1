"""What becomes of a line: time, severity, ids and fields are where queries look for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from sightline_agent.lines import Converter
from sightline_agent.spool import Checkpoint
from sightline_agent.tail import Read
from sightline_redaction.pack import load
from sightline_redaction.redactor import Redactor

if TYPE_CHECKING:
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord


def record(line: bytes) -> LogRecord:
    converter = Converter({"service.name": "shop"}, Redactor(load()))
    payload, records = converter.request([Read("/x", [line], Checkpoint(0, 0, 0, 0, 0))])
    assert records == 1
    (part,) = ExportLogsServiceRequest.FromString(payload).resource_logs
    assert {each.key: each.value.string_value for each in part.resource.attributes} == {
        "service.name": "shop",
        "log.file.path": "/x",
    }
    return part.scope_logs[0].log_records[0]


def attributes(line: bytes) -> dict[str, str | int | float | bool]:
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value") or "string_value")
        for each in record(line).attributes
    }


def test_a_json_line_is_lifted() -> None:
    line = (
        b'{"timestamp":"2026-01-02T03:04:05.000006Z","level":"WARNING","event":"slow",'
        b'"trace_id":"0102030405060708090a0b0c0d0e0f10","span_id":"0102030405060708",'
        b'"correlation_id":"order-7","ms":12,"share":0.5,"ok":true,"deep":{"a":[1]}}'
    )
    found = record(line)
    assert found.time_unix_nano == 1767323045_000006000
    assert (found.severity_text, found.severity_number) == ("WARNING", 13)
    assert found.body.string_value == "slow"
    assert found.trace_id == bytes(range(1, 17))
    assert found.span_id == bytes(range(1, 9))
    assert attributes(line) == {
        "correlation.id": "order-7",
        "ms": 12,
        "share": 0.5,
        "ok": True,
        "deep": '{"a": [1]}',
    }


def test_logfmt_is_lifted() -> None:
    line = b'ts=2026-01-02T03:04:05Z level=error msg="no more \\"eggs\\"" shelf=3'
    found = record(line)
    assert found.severity_number == 17
    assert found.time_unix_nano == 1767323045 * 10**9
    assert found.body.string_value == 'no more "eggs"'
    assert attributes(line) == {"shelf": "3"}


@pytest.mark.parametrize(
    "line", ["a=1 is no logfmt", "{not json", "[1, 2]", "a = b", "x=1", "Ünïcode", "{" * 5000]
)
def test_text_stays_as_it_is(line: str) -> None:
    found = record(line.encode())
    assert found.body.string_value == line
    assert not found.attributes


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\xfe\x80",
        b'{"a":"\\ud800","msg":"\\ud800","level":"\\ud800"}',
        b'{"a":' + b"[" * 9000,
        b'{"a":1e999,"n":123456789012345678901234567890,"":null,"ts":-1,"trace_id":7}',
        b'{"ts":"yesterday","level":7,"span_id":"xyz","time":true}',
        b'{"\\ud800":1,"correlation_id":{"a":1}}',
        b'{"timestamp":"0001-01-01T00:00:00+14:00"}',
        b'{"timestamp":NaN}',
    ],
)
def test_odd_lines_become_records(line: bytes) -> None:
    assert record(line)


@pytest.mark.parametrize("ts", ["1767323045", "1767323045.5", "1767323045500", "1767323045500000"])
def test_times_since_1970_are_told_apart_by_size(ts: str) -> None:
    assert record(b'{"ts":%s}' % ts.encode()).time_unix_nano // 10**9 == 1767323045


@pytest.mark.parametrize(
    "line",
    [
        b'{"msg":"login","password":"hunter2-canary"}',
        b"login with password=hunter2-canary",
        b"user=me password=hunter2-canary",
    ],
)
def test_secrets_never_reach_the_spool(line: bytes) -> None:
    assert b"hunter2-canary" not in record(line).SerializeToString()
