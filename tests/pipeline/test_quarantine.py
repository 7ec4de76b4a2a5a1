"""Rows that cannot be stored keep all they said; their neighbours are stored (design D5)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from sightline_core.wire.names import Signal
from sightline_pipeline.batch import Batch

SECOND = 1_000_000_000
PAST, FUTURE = 86_400 * SECOND, 3_600 * SECOND
IN_2106 = 2**32 * SECOND
MISSING, OLD, AHEAD = "timestamp_missing", "timestamp_too_old", "timestamp_in_future"


def span(lane: Any, **given: Any) -> Span:
    fields = {
        "trace_id": lane.trace_id(), "span_id": b"\x01" * 8, "name": "work",
        "start_time_unix_nano": lane.now, "end_time_unix_nano": lane.now,
    }  # fmt: skip
    return Span(**{**fields, **given})


def test_spans_with_bad_ids_are_told_apart(otlp: Any, lane: Any) -> None:
    bad = {
        "trace_id_zero": span(lane, trace_id=bytes(16)),
        "trace_id_invalid": span(lane, trace_id=b"\x01" * 15),
        "span_id_zero": span(lane, span_id=bytes(8)),
        "span_id_invalid": span(lane, span_id=b""),
    }
    lane.send(Signal.TRACES, otlp.spans(lane.service, *bad.values(), span(lane)))
    rows = lane.rows("sightline_quarantine", order="Reason")
    assert [row["Reason"] for row in rows] == sorted(bad)
    assert len(lane.rows("otel_traces")) == 1
    ledger = lane.row("sightline_ledger")
    assert (ledger["Stored"], ledger["Quarantined"]) == (1, 4)


def window_cases(lane: Any) -> list[tuple[int, str]]:
    """Times of records and the reason each must be refused for; empty: it is stored."""
    return [
        (0, MISSING),
        (1, OLD),
        (lane.now - PAST - 1, OLD),
        (lane.now - PAST, ""),
        (lane.now, ""),
        (lane.now + FUTURE, ""),
        (lane.now + FUTURE + 1, AHEAD),
        (IN_2106, AHEAD),
        (2**63, AHEAD),
        (2**64 - 1, AHEAD),
    ]


def refused(lane: Any) -> list[str]:
    return sorted(row["Reason"] for row in lane.rows("sightline_quarantine"))


def test_spans_outside_the_window_are_quarantined(otlp: Any, lane: Any) -> None:
    cases = window_cases(lane)
    spans = [span(lane, start_time_unix_nano=time) for time, _ in cases]
    lane.send(Signal.TRACES, otlp.spans(lane.service, *spans))
    assert refused(lane) == sorted(reason for _, reason in cases if reason)
    stored = lane.rows("otel_traces", order="Timestamp")
    assert [row["Timestamp"] for row in stored] == [lane.text(time) for time, r in cases if not r]


def test_log_records_outside_the_window_are_quarantined(otlp: Any, lane: Any) -> None:
    cases = [(time, reason) for time, reason in window_cases(lane) if time]
    records = [LogRecord(time_unix_nano=time) for time, _ in cases]
    lane.send(Signal.LOGS, otlp.logs(lane.service, *records))
    assert refused(lane) == sorted(reason for _, reason in cases if reason)
    stored = lane.rows("otel_logs", order="Timestamp")
    assert [row["Timestamp"] for row in stored] == [lane.text(time) for time, r in cases if not r]


@pytest.mark.parametrize(
    ("kind", "wrapper", "point"),
    [
        ("gauge", pb.Gauge, pb.NumberDataPoint),
        ("sum", pb.Sum, pb.NumberDataPoint),
        ("histogram", pb.Histogram, pb.HistogramDataPoint),
        ("exponential_histogram", pb.ExponentialHistogram, pb.ExponentialHistogramDataPoint),
        ("summary", pb.Summary, pb.SummaryDataPoint),
    ],
)
def test_points_outside_the_window_are_quarantined(
    otlp: Any, lane: Any, kind: str, wrapper: Any, point: Any
) -> None:
    cases = window_cases(lane)
    points = [point(time_unix_nano=time) for time, _ in cases]
    metric = pb.Metric(name="m", **{kind: wrapper(data_points=points)})
    lane.send(Signal.METRICS, otlp.metrics(lane.service, metric))
    assert refused(lane) == sorted(reason for _, reason in cases if reason)
    assert len(lane.rows(f"otel_metrics_{kind}")) == 3
    ledger = lane.row("sightline_ledger")
    assert (ledger["Stored"], ledger["Quarantined"]) == (3, 7)


def leaves(value: Any) -> list[str]:
    """Every scalar in a JSON document as text, looking into strings that are JSON again."""
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaves(item)] + list(value)
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item)]
    if isinstance(value, str) and value[:1] in {"[", "{"}:
        return leaves(json.loads(value))
    return [str(value)]


def record_of(lane: Any) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(lane.row("sightline_quarantine")["Record"])
    return record


def test_a_quarantined_span_keeps_everything_it_said(otlp: Any, lane: Any) -> None:
    bad = span(
        lane, trace_id=b"\xab\xcd", parent_span_id=b"\xee" * 8, trace_state="a=state", flags=777,
        kind=2, end_time_unix_nano=lane.now + 4321, name="the name",
        attributes=otlp.attributes({"attr": "value-1"}),
        dropped_attributes_count=101, dropped_events_count=102, dropped_links_count=103,
    )  # fmt: skip
    bad.status.code, bad.status.message = 2, "the message"  # type: ignore[assignment]
    bad.events.add(name="the event", time_unix_nano=5555, dropped_attributes_count=104,
                   attributes=otlp.attributes({"event attr": "value-2"}))  # fmt: skip
    bad.links.add(trace_id=b"\xaa" * 16, span_id=b"\xbb" * 8, trace_state="l=state", flags=778,
                  dropped_attributes_count=105,
                  attributes=otlp.attributes({"link attr": "value-3"}))  # fmt: skip
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add(
        resource=otlp.resource(lane.service, where="value-4"), schema_url="https://resource"
    )
    group.resource.dropped_attributes_count = 106
    scope = group.scope_spans.add(spans=[bad], schema_url="https://scope")
    scope.scope.name, scope.scope.version = "the scope", "9.8"
    scope.scope.attributes.extend(otlp.attributes({"scope attr": "value-5"}))
    scope.scope.dropped_attributes_count = 107
    lane.send(Signal.TRACES, request)

    said = leaves(record_of(lane))
    expected = [
        "abcd", "01" * 8, "ee" * 8, "a=state", "777", "Server", "the name", "the message", "Error",
        str(lane.now), str(lane.now + 4321), "attr", "value-1", "101", "102", "103", "the event",
        "5555", "104", "event attr", "value-2", "aa" * 16, "bb" * 8, "l=state", "778", "105",
        "link attr", "value-3", "where", "value-4", "https://resource", "106", "https://scope",
        "the scope", "9.8", "scope attr", "value-5", "107",
    ]  # fmt: skip
    assert [one for one in expected if one not in said] == []
    row = lane.row("sightline_quarantine")
    assert (row["Signal"], row["Name"], row["ServiceName"]) == ("traces", "the name", lane.service)
    assert (row["Partition"], row["Offset"], row["Tenant"]) == (0, 0, "default")


def test_a_quarantined_log_record_keeps_everything_it_said(otlp: Any, lane: Any) -> None:
    bad = LogRecord(
        time_unix_nano=1, observed_time_unix_nano=lane.now - 7, severity_number=17,  # type: ignore[arg-type]
        severity_text="BAD", body=otlp.value({"key": "value-1"}), dropped_attributes_count=101,
        attributes=otlp.attributes({"attr": "value-2"}), flags=777, trace_id=b"\xab\xcd",
        span_id=b"\xef", event_name="the.event",
    )  # fmt: skip
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add(
        resource=otlp.resource(lane.service, where="value-4"), schema_url="https://resource"
    )
    group.resource.dropped_attributes_count = 106
    scope = group.scope_logs.add(log_records=[bad], schema_url="https://scope")
    scope.scope.name, scope.scope.version = "the scope", "9.8"
    scope.scope.attributes.extend(otlp.attributes({"scope attr": "value-5"}))
    scope.scope.dropped_attributes_count = 107
    lane.send(Signal.LOGS, request)
    said = leaves(record_of(lane))
    expected = [
        "1", str(lane.now - 7), "17", "BAD", "key", "value-1", "101", "attr", "value-2", "777",
        "abcd", "ef", "the.event", "where", "value-4", "https://resource", "106", "https://scope",
        "the scope", "9.8", "scope attr", "value-5", "107",
    ]  # fmt: skip
    assert [one for one in expected if one not in said] == []


def test_a_quarantined_point_keeps_everything_it_said(otlp: Any, lane: Any) -> None:
    point = pb.HistogramDataPoint(
        time_unix_nano=1, start_time_unix_nano=2222, count=3333, sum=44.5, min=-5.5, max=66.5,
        bucket_counts=[71, 72], explicit_bounds=[8.25], flags=1,
        attributes=otlp.attributes({"attr": "value-1"}),
    )  # fmt: skip
    point.exemplars.add(time_unix_nano=9999, as_double=1.25, span_id=b"\xee" * 8,
                        trace_id=b"\xff" * 16,
                        filtered_attributes=otlp.attributes({"ex": "value-2"}))  # fmt: skip
    metric = pb.Metric(name="the.name", description="the words", unit="By",
                       metadata=otlp.attributes({"meta": "value-3"}),
                       histogram=pb.Histogram(data_points=[point], aggregation_temporality=2))  # type: ignore[arg-type]  # fmt: skip
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add(
        resource=otlp.resource(lane.service, where="value-4"), schema_url="https://resource"
    )
    group.resource.dropped_attributes_count = 106
    scope = group.scope_metrics.add(metrics=[metric], schema_url="https://scope")
    scope.scope.name, scope.scope.version = "the scope", "9.8"
    scope.scope.attributes.extend(otlp.attributes({"scope attr": "value-5"}))
    scope.scope.dropped_attributes_count = 107
    lane.send(Signal.METRICS, request)
    said = leaves(record_of(lane))
    expected = [
        "1", "2222", "3333", "44.5", "-5.5", "66.5", "71", "72", "8.25", "attr", "value-1", "9999",
        "1.25", "ee" * 8, "ff" * 16, "ex", "value-2", "the.name", "the words", "By", "meta",
        "value-3", "histogram", "2", "where", "value-4", "https://resource", "106",
        "https://scope", "the scope", "9.8", "scope attr", "value-5", "107",
    ]  # fmt: skip
    assert [one for one in expected if one not in said] == []


# Large and empty things


def test_ten_thousand_attributes_on_one_span_are_stored(otlp: Any, lane: Any) -> None:
    many = {f"key-{n}": n for n in range(10_000)}
    lane.send(
        Signal.TRACES,
        otlp.spans(lane.service, span(lane, attributes=otlp.attributes(many)), span(lane)),
    )
    first, second = lane.rows("otel_traces", order="length(SpanAttributes)")
    assert (len(first["SpanAttributes"]), len(second["SpanAttributes"])) == (0, 10_000)
    assert second["SpanAttributes"]["key-9999"] == "9999"
    assert second["SpanAttributeTypes"] == "i" * 10_000


def test_a_value_of_twenty_megabytes_is_stored(otlp: Any, lane: Any) -> None:
    large = "x" * 20_000_000
    lane.send(
        Signal.TRACES,
        otlp.spans(lane.service, span(lane, attributes=otlp.attributes({"large": large}))),
    )
    assert lane.value(
        "SELECT length(SpanAttributes['large']) FROM otel_traces "
        "WHERE ServiceName = {service:String}"
    ) == len(large)  # fmt: skip


def test_a_span_without_a_resource_is_stored_with_a_warning(lane: Any) -> None:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add(spans=[span(lane)])
    lane.send(Signal.TRACES, request)
    rows = lane.store.rows(
        "SELECT ServiceName, Warnings FROM otel_traces WHERE TraceId = {id:String}",
        {"id": lane.trace_id().hex()},
    )
    assert rows == [{"ServiceName": "", "Warnings": ["service_name_missing"]}]


def test_empty_groups_add_nothing_and_harm_nothing(otlp: Any, lane: Any) -> None:
    request = otlp.spans(lane.service, span(lane))
    request.resource_spans.add()
    request.resource_spans.add().scope_spans.add()
    request.resource_spans.add(resource=otlp.resource(lane.service)).scope_spans.add()
    lane.send(Signal.TRACES, ExportTraceServiceRequest(), request, b"")
    assert len(lane.rows("otel_traces")) == 1
    assert [row["Stored"] for row in lane.rows("sightline_ledger")] == [1]


def test_a_false_arrival_time_does_not_send_good_rows_to_quarantine(otlp: Any, lane: Any) -> None:
    value = otlp.spans(lane.service, span(lane)).SerializeToString()
    for false in (b"0", b"1", b"%d" % (2**64 - 1)):
        record = lane.record(value, ("sightline-received-at", false))
        lane.insert(Signal.TRACES, Batch([record]))
    assert len(lane.rows("otel_traces")) == 3
    assert refused(lane) == []
