"""Values of any shape become the text and the type letters that the rule says; counts add up."""

from __future__ import annotations

import base64
import itertools
import json
import math
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Status

from sightline_core.wire.names import Signal

ATTRIBUTE_DEPTH, BODY_DEPTH = 1, 2
LETTERS = {str: "s", int: "i", bool: "b", float: "d", list: "a", tuple: "k", bytes: "x"}
SHARED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]

scalars = st.one_of(
    st.none(),
    st.text(max_size=20),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.binary(max_size=8),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(st.tuples(st.text(max_size=6), inner), max_size=4).map(tuple),
    ),
    max_leaves=12,
)


class Reference:
    """The rule of sql/macros/otlp.sql in Python. A tuple of pairs is a key-value list."""

    def __init__(self, otlp: Any) -> None:
        self._otlp = otlp

    def text(self, value: Any, depth: int) -> str:
        if value is None:
            return ""
        if isinstance(value, bytes):
            return base64.b64encode(value).decode()
        if isinstance(value, (list, tuple)):
            return self.json(value, depth)
        return value if isinstance(value, str) else self.scalar(value)

    def json(self, value: Any, depth: int) -> str:
        if isinstance(value, (list, tuple)):
            return self.nested(value, depth)
        if value is None:
            return "null"
        if isinstance(value, str):
            return json.dumps(value, ensure_ascii=False)
        if isinstance(value, bytes):
            return f'"{base64.b64encode(value).decode()}"'
        if isinstance(value, float) and not math.isfinite(value):
            return f'"{self.scalar(value)}"'
        return self.scalar(value)

    def nested(self, value: list[Any] | tuple[Any, ...], depth: int) -> str:
        if depth == 0:
            member = "array_value" if isinstance(value, list) else "kvlist_value"
            encoded = getattr(self._otlp.value(value), member).SerializeToString()
            name = "@otlp.array" if isinstance(value, list) else "@otlp.kvlist"
            return f'{{"{name}":"{base64.b64encode(encoded).decode()}"}}'
        if isinstance(value, list):
            return f"[{','.join(self.json(item, depth - 1) for item in value)}]"
        pairs = (f"{self.json(key, 0)}:{self.json(item, depth - 1)}" for key, item in value)
        return f"{{{','.join(pairs)}}}"

    def scalar(self, value: float | bool) -> str:  # noqa: FBT001
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, int):
            return str(value)
        return number(value)


def number(value: float) -> str:
    """The shortest decimal text that reads back as `value`, as the engine writes it."""
    if not math.isfinite(value):
        return {math.inf: "inf", -math.inf: "-inf"}.get(value, "nan")
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    text, point = "".join(map(str, digits)), len(digits) + exponent
    if -6 < point <= 21:
        if point <= 0:
            text = "0." + "0" * -point + text
        elif point < len(text):
            text = f"{text[:point]}.{text[point:]}"
        else:
            text = text.ljust(point, "0")
    else:
        rest = f".{text[1:]}" if len(text) > 1 else ""
        text = f"{text[0]}{rest}e{point - 1}"
    return f"-{text}" if sign else text


def same(stored: str, expected: str) -> bool:
    """Equal as text, or as JSON: engines differ in which characters they escape."""
    if stored == expected:
        return True
    try:
        return bool(decoded(stored) == decoded(expected))
    except ValueError:
        return False


def decoded(text: str) -> Any:
    return json.loads(text, object_pairs_hook=lambda pairs: ("pairs", pairs), parse_float=str)


def letters(given_values: list[Any]) -> str:
    return "".join(LETTERS.get(type(value), "n") for value in given_values)


runs = itertools.count()


@settings(max_examples=25, deadline=None, suppress_health_check=SHARED)
@given(
    pairs=st.lists(st.tuples(st.text(max_size=8), values), max_size=25),
    bodies=st.lists(values, min_size=1, max_size=10),
)
def test_attributes_and_bodies_follow_the_rule(
    otlp: Any, lane: Any, pairs: list[tuple[str, Any]], bodies: list[Any]
) -> None:
    reference, run = Reference(otlp), str(next(runs))
    records = [
        LogRecord(time_unix_nano=lane.now + n, body=otlp.value(body), event_name=run)
        for n, body in enumerate(bodies)
    ]
    records[0].attributes.extend(otlp.pairs(pairs))
    lane.send(Signal.LOGS, otlp.logs(lane.service, *records))
    rows = lane.store.rows(
        "SELECT mapKeys(LogAttributes) AS keys, mapValues(LogAttributes) AS texts, "
        "LogAttributeTypes AS types, Body AS body, BodyType AS type FROM otel_logs "
        "WHERE ServiceName = {service:String} AND EventName = {run:String} ORDER BY Timestamp",
        {"service": lane.service, "run": run},
    )
    assert rows[0]["keys"] == [key for key, _ in pairs]
    assert rows[0]["types"] == letters([value for _, value in pairs])
    assert "".join(row["type"] for row in rows) == letters(bodies)
    expected = [reference.text(value, ATTRIBUTE_DEPTH) for _, value in pairs]
    expected += [reference.text(body, BODY_DEPTH) for body in bodies]
    stored = [*rows[0]["texts"], *(row["body"] for row in rows)]
    assert [(s, e) for s, e in zip(stored, expected, strict=True) if not same(s, e)] == []


@st.composite
def spans(draw: st.DrawFn) -> dict[str, Any]:
    """Fields of a span, some of them wrong; times are offsets from now in seconds."""
    return {
        "trace_id": draw(st.sampled_from([b"", bytes(16), b"t" * 16, b"u" * 16, b"v" * 15])),
        "span_id": draw(st.sampled_from([b"", bytes(8), b"s" * 8, b"t" * 8, b"u" * 9])),
        "name": draw(st.sampled_from(["", "a", "b"])),
        "kind": draw(st.integers(0, 5)),
        "at": draw(st.sampled_from([None, -90_000, -86_400, -60, 0, 3_600, 3_601, 2**32])),
        "status": draw(st.integers(0, 2)),
    }


@settings(max_examples=25, deadline=None, suppress_health_check=SHARED)
@given(
    messages=st.lists(st.lists(st.lists(spans(), max_size=4), max_size=3), min_size=1, max_size=4)
)
def test_what_was_sent_is_stored_or_quarantined_and_the_roll_ups_agree(
    otlp: Any, lane: Any, messages: list[list[list[dict[str, Any]]]]
) -> None:
    service = f"{lane.service}-{next(runs)}"
    requests = [
        ExportTraceServiceRequest(resource_spans=[group(otlp, lane, service, g) for g in groups])
        for groups in messages
    ]
    lane.send(Signal.TRACES, *requests)
    books = lane.store.rows(BOOKS, {"service": service})[0]
    sent = sum(len(g) for groups in messages for g in groups)
    assert books["stored"] + books["quarantined"] == sent
    assert books["stored"] == books["red"] == books["ledger_stored"]
    assert books["quarantined"] == books["ledger_quarantined"]


def group(otlp: Any, lane: Any, service: str, given_spans: list[dict[str, Any]]) -> ResourceSpans:
    made = ResourceSpans(resource=otlp.resource(service))
    scope = made.scope_spans.add()
    for fields in given_spans:
        at = fields["at"]
        scope.spans.add(
            trace_id=fields["trace_id"],
            span_id=fields["span_id"],
            name=fields["name"],
            kind=fields["kind"],
            start_time_unix_nano=0 if at is None else lane.now + at * 1_000_000_000,
            status=Status(code=fields["status"]),
        )
    return made


BOOKS = """
WITH {service:String} AS me
SELECT
    (SELECT count() FROM otel_traces WHERE ServiceName = me) AS stored,
    (SELECT count() FROM sightline_quarantine WHERE ServiceName = me) AS quarantined,
    (SELECT sum(Spans) FROM sightline_red_1m WHERE ServiceName = me) AS red,
    (SELECT sum(Stored) FROM sightline_ledger WHERE ServiceName = me) AS ledger_stored,
    (SELECT sum(Quarantined) FROM sightline_ledger WHERE ServiceName = me) AS ledger_quarantined"""
