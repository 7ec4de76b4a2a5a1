"""One insert, one token: the same range counts once in every table (design D4)."""

from __future__ import annotations

from typing import Any

from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from sightline_core.wire.names import Signal


def one_of_each(otlp: Any, lane: Any) -> dict[Signal, list[bytes]]:
    """Per signal two messages: what is stored and what is quarantined."""
    span = Span(trace_id=lane.trace_id(), span_id=b"12345678", name="s",
                start_time_unix_nano=lane.now,
                attributes=otlp.attributes({"correlation.id": lane.service}))  # fmt: skip
    line = LogRecord(time_unix_nano=lane.now, trace_id=lane.trace_id(),
                     attributes=otlp.attributes({"correlation.id": lane.service}))  # fmt: skip
    points = [pb.NumberDataPoint(time_unix_nano=time, as_int=1) for time in (lane.now, 1)]
    kinds: dict[str, Any] = {
        "gauge": pb.Gauge(data_points=points),
        "sum": pb.Sum(data_points=points),
        "histogram": pb.Histogram(data_points=[pb.HistogramDataPoint(time_unix_nano=lane.now)]),
        "exponential_histogram": pb.ExponentialHistogram(
            data_points=[pb.ExponentialHistogramDataPoint(time_unix_nano=lane.now)]
        ),
        "summary": pb.Summary(data_points=[pb.SummaryDataPoint(time_unix_nano=lane.now)]),
    }
    metrics = [pb.Metric(name=kind, **{kind: data}) for kind, data in kinds.items()]
    requests = {
        Signal.TRACES: [otlp.spans(lane.service, span), otlp.spans(lane.service, Span(name="bad"))],
        Signal.LOGS: [otlp.logs(lane.service, line),
                      otlp.logs(lane.service, LogRecord(time_unix_nano=1))],
        Signal.METRICS: [otlp.metrics(lane.service, *metrics)],
    }  # fmt: skip
    return {
        signal: [message.SerializeToString() for message in messages]
        for signal, messages in requests.items()
    }


TARGETS = r"""
SELECT DISTINCT extract(create_table_query, ' TO [a-z]+\.(\w+)') AS name FROM system.tables
WHERE database = currentDatabase() AND engine = 'MaterializedView'
  AND name IN (SELECT name FROM system.tables WHERE engine LIKE '%MergeTree')"""
MEASURES = {
    "otel_traces_trace_id_ts": ("sum(Spans)", "TraceId = {trace:String}"),
    "sightline_red_1m": ("sum(Spans)", "ServiceName = {service:String}"),
    "sightline_log_counts_1m": ("sum(Logs)", "ServiceName = {service:String}"),
    "sightline_correlations": ("sum(Spans + Logs)", "Id = {service:String}"),
    "sightline_attribute_keys": ("sum(Count)", "ServiceName = {service:String}"),
    "sightline_ledger": ("sum(Stored + Quarantined)", "ServiceName = {service:String}"),
}


def amounts(lane: Any) -> dict[str, int]:
    """How much of the lane's telemetry every target table holds."""
    bound = {"service": lane.service, "trace": lane.trace_id().hex()}
    found = {}
    for row in lane.store.rows(TARGETS):
        table = row["name"]
        measure, where = MEASURES.get(table, ("count()", "ServiceName = {service:String}"))
        sql = f"SELECT toUInt64({measure}) AS n FROM {table} WHERE {where}"
        found[table] = lane.store.rows(sql, bound)[0]["n"]
    return found


def test_the_same_token_counts_once_and_another_token_twice_in_every_table(
    otlp: Any, lane: Any
) -> None:
    batches = {signal: lane.batch(*given) for signal, given in one_of_each(otlp, lane).items()}
    for signal, batch in batches.items():
        lane.insert(signal, batch)
    first = amounts(lane)
    assert len(first) == 14
    assert all(first.values()), first

    for signal, batch in batches.items():
        lane.insert(signal, batch)
        lane.insert(signal, batch)
    assert amounts(lane) == first

    for signal, batch in batches.items():
        lane.insert(signal, batch, f"{batch.token}-again")
    assert amounts(lane) == {table: 2 * amount for table, amount in first.items()}


def test_equal_batches_with_different_tokens_are_both_stored(otlp: Any, lane: Any) -> None:
    request = one_of_each(otlp, lane)[Signal.LOGS][0]
    lane.send(Signal.LOGS, request)
    lane.send(Signal.LOGS, request)
    assert len(lane.rows("otel_logs")) == 2
