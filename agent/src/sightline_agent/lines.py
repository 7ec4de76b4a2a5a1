"""Turns lines of log files into OTLP log records: JSON, logfmt, or text as it is."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sightline_agent.tail import Read
    from sightline_redaction.redactor import Redactor

BODY: Final = ("message", "msg", "event", "body", "log")
TIME: Final = ("timestamp", "time", "ts", "@timestamp")
LEVEL: Final = ("level", "severity", "lvl", "log.level", "levelname")
TRACE: Final = ("trace_id", "traceId", "trace.id", "otelTraceID")
SPAN: Final = ("span_id", "spanId", "span.id", "otelSpanID")
CORRELATION: Final = ("correlation_id", "correlationId", "correlation.id")
SEVERITY: Final = {
    "trace": 1,
    "debug": 5,
    "info": 9,
    "information": 9,
    "notice": 10,
    "warn": 13,
    "warning": 13,
    "error": 17,
    "err": 17,
    "exception": 17,
    "critical": 18,
    "alert": 19,
    "fatal": 21,
    "emergency": 21,
    "panic": 21,
}
"""Severity numbers of OpenTelemetry by the word in a line."""

_LOGFMT: Final = re.compile(r'([A-Za-z_][\w.@-]*)=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))(?:\s+|$)')
_ESCAPED: Final = re.compile(r"\\(.)")
_HEX: Final = re.compile(r"[0-9a-fA-F]+")


class Converter:
    """Makes requests out of lines.

    Secrets are hidden here, before anything reaches the disk of the spool.
    """

    def __init__(self, resource: Mapping[str, str], redactor: Redactor) -> None:
        """Put these attributes on the resource of every record."""
        self._resource = [_pair(name, value) for name, value in resource.items()]
        self._redactor = redactor

    def request(self, reads: Sequence[Read]) -> tuple[bytes, int]:
        """Return an `ExportLogsServiceRequest` with all lines, and how many records it has."""
        now = time.time_ns()
        request = ExportLogsServiceRequest()
        records = 0
        for read in reads:
            part = ResourceLogs()
            part.resource.attributes.extend(self._resource)
            part.resource.attributes.append(_pair("log.file.path", read.path))
            scope = part.scope_logs.add()
            scope.scope.name = "sightline.agent"
            scope.log_records.extend([self._record(line, now) for line in read.lines])
            request.resource_logs.append(part)
            records += len(read.lines)
        return (request.SerializeToString() if records else b""), records

    def _record(self, line: bytes, now: int) -> LogRecord:
        text = line.decode("utf-8", "replace")
        fields = _fields(text)
        if fields is None:
            body = self._redactor.text(text)
            return LogRecord(observed_time_unix_nano=now, body=AnyValue(string_value=body))
        record = LogRecord(observed_time_unix_nano=now, time_unix_nano=_time(fields))
        level = _take(fields, LEVEL)
        if isinstance(level, str):
            record.severity_text = _valid(level[:64])
            record.severity_number = SEVERITY.get(level.lower(), 0)  # type: ignore[assignment]
        record.trace_id = _id(fields, TRACE, 16)
        record.span_id = _id(fields, SPAN, 8)
        correlation = _take(fields, CORRELATION)
        body = _take(fields, BODY)
        shown = self._redactor.mapping(fields)
        clean = fields if shown is None else shown
        if correlation is not None:
            record.attributes.append(_pair("correlation.id", correlation))
        if body is not None:
            said = body if isinstance(body, str) else json.dumps(body)
            record.body.string_value = _valid(self._redactor.text(said))
        record.attributes.extend([_pair(name, value) for name, value in clean.items()])
        return record


def _fields(text: str) -> dict[str, Any] | None:
    """Return the fields of a JSON or logfmt line, None if it is text."""
    if text.startswith("{"):
        try:
            found: dict[str, Any] = json.loads(text)  # it begins with a brace: no other type
        except (ValueError, RecursionError):
            return None
        return found
    if "=" not in text:
        return None
    matches = list(_LOGFMT.finditer(text))
    # A line is logfmt if it is nothing else: otherwise words between the pairs would be lost.
    if len(matches) < 2 or sum(len(match[0]) for match in matches) != len(text):
        return None
    return {
        match[1]: match[3] if match[2] is None else _ESCAPED.sub(r"\1", match[2])
        for match in matches
    }


def _take(fields: dict[str, Any], names: Sequence[str]) -> Any:
    for name in names:
        if fields.get(name) is not None:
            return fields.pop(name)
    return None


def _id(fields: dict[str, Any], names: Sequence[str], size: int) -> bytes:
    """Take an id out of the fields; what is no id stays there."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, str) and len(value) == 2 * size and _HEX.fullmatch(value):
            del fields[name]
            return bytes.fromhex(value)
    return b""


def _time(fields: dict[str, Any]) -> int:
    """Take the time out of the fields, ns since 1970; 0, and nothing taken, without a known one."""
    for name in TIME:
        moment = _nanoseconds(fields.get(name))
        if moment:
            del fields[name]
            return moment
    return 0


def _nanoseconds(value: Any) -> int:
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return 0
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0, int(aware.timestamp()) * 10**9 + aware.microsecond * 1000)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    # Seconds, ms, us and ns since 1970 are told apart by size: valid from 1973 to the year 5138.
    for limit, factor in ((1e11, 10**9), (1e14, 10**6), (1e17, 10**3), (9e18, 1)):
        if 0 < value < limit:
            return int(value * factor) if value >= 1e8 else 0
    return 0


def _pair(name: str, value: Any) -> KeyValue:
    key = _valid(name)
    if isinstance(value, str):
        return KeyValue(key=key, value=AnyValue(string_value=_valid(value)))
    if isinstance(value, bool):
        return KeyValue(key=key, value=AnyValue(bool_value=value))
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return KeyValue(key=key, value=AnyValue(int_value=value))
    if isinstance(value, float):
        return KeyValue(key=key, value=AnyValue(double_value=value))
    return KeyValue(key=key, value=AnyValue(string_value=_valid(json.dumps(value))))


def _valid(text: str) -> str:
    """Replace lone surrogates, which JSON can spell and protobuf refuses."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
