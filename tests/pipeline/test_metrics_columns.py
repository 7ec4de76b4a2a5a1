"""Every field of every kind of metric ends in its column."""

from __future__ import annotations

import math
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb

from sightline_core.wire.names import Signal

NO_VALUE = 1


def full_request(otlp: Any, lane: Any, metric: pb.Metric) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add(
        resource=otlp.resource(lane.service, pid=42), schema_url="https://resource/1"
    )
    group.resource.dropped_attributes_count = 6
    scope = group.scope_metrics.add(metrics=[metric], schema_url="https://scope/2")
    scope.scope.name, scope.scope.version = "shop.meter", "1.2.3"
    scope.scope.attributes.extend(otlp.attributes({"library": "x", "level": 1.5}))
    scope.scope.dropped_attributes_count = 7
    return request


def described(otlp: Any, **kind: Any) -> pb.Metric:
    return pb.Metric(
        name="queue.size",
        description="Things waiting",
        unit="{thing}",
        metadata=otlp.attributes({"prometheus.type": "gauge", "n": 1}),
        **kind,
    )


def common(lane: Any) -> dict[str, Any]:
    return {
        "ResourceAttributes": {"service.name": lane.service, "pid": "42"},
        "ResourceSchemaUrl": "https://resource/1",
        "ScopeName": "shop.meter",
        "ScopeVersion": "1.2.3",
        "ScopeAttributes": {"library": "x", "level": "1.5"},
        "ScopeDroppedAttrCount": 7,
        "ScopeSchemaUrl": "https://scope/2",
        "ServiceName": lane.service,
        "MetricName": "queue.size",
        "MetricDescription": "Things waiting",
        "MetricUnit": "{thing}",
        "Attributes": {"queue": "orders", "shard": "3", "deep": '{"a":"b"}'},
        "StartTimeUnix": lane.text(lane.now - 9),
        "TimeUnix": lane.text(lane.now - 1),
        "Flags": 0,
        "AttributeTypes": "sik",
        "ResourceAttributeTypes": "si",
        "ScopeAttributeTypes": "sd",
        "ResourceDroppedAttributesCount": 6,
        "MetricMetadata": {"prometheus.type": "gauge", "n": "1"},
        "Tenant": "default",
    }


def exemplars(lane: Any) -> dict[str, Any]:
    return {
        "Exemplars.FilteredAttributes": [{"user": "u1"}, {}],
        "Exemplars.TimeUnix": [lane.text(lane.now - 2), lane.text(lane.now - 3)],
        "Exemplars.Value": [1.5, -7],
        "Exemplars.SpanId": ["0a" * 8, ""],
        "Exemplars.TraceId": [lane.trace_id().hex(), ""],
    }


def point(kind: Any, otlp: Any, lane: Any, **given: Any) -> Any:
    """A data point of that kind with what all kinds have."""
    made = kind(
        start_time_unix_nano=lane.now - 9,
        time_unix_nano=lane.now - 1,
        attributes=otlp.attributes({"queue": "orders", "shard": 3, "deep": {"a": "b"}}),
        **given,
    )
    if kind is not pb.SummaryDataPoint:
        made.exemplars.add(
            time_unix_nano=lane.now - 2,
            as_double=1.5,
            span_id=b"\x0a" * 8,
            trace_id=lane.trace_id(),
            filtered_attributes=otlp.attributes({"user": "u1"}),
        )
        made.exemplars.add(time_unix_nano=lane.now - 3, as_int=-7)
    return made


def test_a_gauge_is_stored_in_full(otlp: Any, lane: Any) -> None:
    data = pb.Gauge(data_points=[point(pb.NumberDataPoint, otlp, lane, as_double=0.25)])
    lane.send(Signal.METRICS, full_request(otlp, lane, described(otlp, gauge=data)))
    assert lane.row("otel_metrics_gauge") == {
        **common(lane), **exemplars(lane), "Value": 0.25, "IntValue": None,
    }  # fmt: skip


@pytest.mark.parametrize("monotonic", [True, False])
def test_a_sum_is_stored_in_full(otlp: Any, lane: Any, monotonic: bool) -> None:  # noqa: FBT001
    data = pb.Sum(
        data_points=[point(pb.NumberDataPoint, otlp, lane, as_int=12)],
        aggregation_temporality=pb.AGGREGATION_TEMPORALITY_CUMULATIVE,
        is_monotonic=monotonic,
    )
    lane.send(Signal.METRICS, full_request(otlp, lane, described(otlp, sum=data)))
    assert lane.row("otel_metrics_sum") == {
        **common(lane), **exemplars(lane), "Value": 12, "IntValue": 12,
        "AggregationTemporality": 2, "IsMonotonic": monotonic,
    }  # fmt: skip


@pytest.mark.parametrize("exact", [2**53 + 1, -(2**63), 2**63 - 1, 0])
def test_an_integer_keeps_all_its_digits(otlp: Any, lane: Any, exact: int) -> None:
    gauge = pb.Metric(name="g", gauge=pb.Gauge(data_points=[number(lane, as_int=exact)]))
    counter = pb.Metric(name="s", sum=pb.Sum(data_points=[number(lane, as_int=exact)]))
    lane.send(Signal.METRICS, otlp.metrics(lane.service, gauge, counter))
    for table in ("otel_metrics_gauge", "otel_metrics_sum"):
        row = lane.row(table)
        assert row["IntValue"] == exact
        assert float(row["Value"]) == pytest.approx(float(exact))


def number(lane: Any, **given: Any) -> pb.NumberDataPoint:
    return pb.NumberDataPoint(**{"time_unix_nano": lane.now, **given})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 5e-324, 1.7e308, -0.0])
def test_doubles_at_the_edges_are_kept(otlp: Any, lane: Any, value: float) -> None:
    metric = pb.Metric(name="g", gauge=pb.Gauge(data_points=[number(lane, as_double=value)]))
    lane.send(Signal.METRICS, otlp.metrics(lane.service, metric))
    stored = lane.value(
        "SELECT toString(Value) FROM otel_metrics_gauge WHERE ServiceName = {service:String}"
    )
    assert repr(float(stored)) == repr(value)


def test_a_point_without_a_value_keeps_its_flag(otlp: Any, lane: Any) -> None:
    metric = pb.Metric(name="g", gauge=pb.Gauge(data_points=[number(lane, flags=NO_VALUE)]))
    lane.send(Signal.METRICS, otlp.metrics(lane.service, metric))
    row = lane.row("otel_metrics_gauge")
    assert (row["Flags"], row["Value"], row["IntValue"]) == (NO_VALUE, 0, None)


def histogram_row(lane: Any, **given: Any) -> dict[str, Any]:
    return {
        **common(lane), **exemplars(lane), "Count": 6, "BucketCounts": [1, 2, 3],
        "ExplicitBounds": [0.5, 10], "AggregationTemporality": 1, **given,
    }  # fmt: skip


def test_a_histogram_is_stored_in_full(otlp: Any, lane: Any) -> None:
    made = point(
        pb.HistogramDataPoint, otlp, lane, count=6, sum=12.5, min=0.0, max=9.0,
        bucket_counts=[1, 2, 3], explicit_bounds=[0.5, 10],
    )  # fmt: skip
    data = pb.Histogram(data_points=[made], aggregation_temporality=1)  # type: ignore[arg-type]
    lane.send(Signal.METRICS, full_request(otlp, lane, described(otlp, histogram=data)))
    assert lane.row("otel_metrics_histogram") == histogram_row(
        lane, Sum=12.5, Min=0, Max=9, Present=["sum", "min", "max"]
    )


def test_a_histogram_says_which_of_sum_min_and_max_were_not_sent(otlp: Any, lane: Any) -> None:
    made = point(
        pb.HistogramDataPoint, otlp, lane, count=6, bucket_counts=[1, 2, 3],
        explicit_bounds=[0.5, 10], max=3.0,
    )  # fmt: skip
    data = pb.Histogram(data_points=[made], aggregation_temporality=1)  # type: ignore[arg-type]
    lane.send(Signal.METRICS, full_request(otlp, lane, described(otlp, histogram=data)))
    assert lane.row("otel_metrics_histogram") == histogram_row(
        lane, Sum=0, Min=0, Max=3, Present=["max"]
    )


def test_an_exponential_histogram_is_stored_in_full(otlp: Any, lane: Any) -> None:
    made = point(
        pb.ExponentialHistogramDataPoint, otlp, lane, count=2**40, sum=-1.5, scale=-3,
        zero_count=4, zero_threshold=1e-6, min=-2.0, max=0.5,
    )  # fmt: skip
    made.positive.offset, made.negative.offset = -2, 5
    made.positive.bucket_counts.extend([1, 0, 2**33])
    made.negative.bucket_counts.extend([7])
    data = pb.ExponentialHistogram(data_points=[made], aggregation_temporality=2)  # type: ignore[arg-type]
    lane.send(Signal.METRICS, full_request(otlp, lane, described(otlp, exponential_histogram=data)))
    assert lane.row("otel_metrics_exponential_histogram") == {
        **common(lane), **exemplars(lane), "Count": 2**40, "Sum": -1.5, "Scale": -3,
        "ZeroCount": 4, "ZeroThreshold": 1e-6, "PositiveOffset": -2,
        "PositiveBucketCounts": [1, 0, 2**33], "NegativeOffset": 5, "NegativeBucketCounts": [7],
        "Min": -2, "Max": 0.5, "Present": ["sum", "min", "max"], "AggregationTemporality": 2,
    }  # fmt: skip
    assert lane.value(
        "SELECT count() FROM otel_metrics_exp_histogram WHERE ServiceName = {service:String}"
    ) == 1  # fmt: skip


def test_a_summary_is_stored_in_full(otlp: Any, lane: Any) -> None:
    made = point(pb.SummaryDataPoint, otlp, lane, count=3, sum=6.0)
    made.quantile_values.add(quantile=0.0, value=1.0)
    made.quantile_values.add(quantile=1.0, value=3.0)
    metric = described(otlp, summary=pb.Summary(data_points=[made]))
    lane.send(Signal.METRICS, full_request(otlp, lane, metric))
    assert lane.row("otel_metrics_summary") == {
        **common(lane), "Count": 3, "Sum": 6,
        "ValueAtQuantiles.Quantile": [0, 1], "ValueAtQuantiles.Value": [1, 3],
    }  # fmt: skip


def test_many_points_of_many_metrics_keep_what_belongs_together(otlp: Any, lane: Any) -> None:
    metrics = [
        pb.Metric(
            name=f"m{m}",
            gauge=pb.Gauge(
                data_points=[
                    number(lane, as_int=m * 10 + p, attributes=otlp.attributes({"p": p}))
                    for p in range(3)
                ]
            ),
        )
        for m in range(4)
    ]
    lane.send(Signal.METRICS, otlp.metrics(lane.service, *metrics))
    found = {
        (row["MetricName"], row["Attributes"]["p"], row["IntValue"])
        for row in lane.rows("otel_metrics_gauge")
    }
    assert found == {(f"m{m}", str(p), m * 10 + p) for m in range(4) for p in range(3)}


def test_a_metric_without_data_stores_nothing_and_harms_nothing(otlp: Any, lane: Any) -> None:
    empty = pb.Metric(name="empty")
    full = pb.Metric(name="full", gauge=pb.Gauge(data_points=[number(lane, as_int=1)]))
    lane.send(Signal.METRICS, otlp.metrics(lane.service, empty, full))
    assert lane.row("otel_metrics_gauge")["MetricName"] == "full"
    assert lane.stored() == 1


def test_attribute_keys_of_metrics_are_known(otlp: Any, lane: Any) -> None:
    data = pb.Gauge(data_points=[point(pb.NumberDataPoint, otlp, lane, as_int=1)])
    lane.send(Signal.METRICS, full_request(otlp, lane, described(otlp, gauge=data)))
    keys = lane.rows("sightline_attribute_keys", order="Scope, Key")
    assert [(row["Scope"], row["Key"]) for row in keys] == [
        ("record", "deep"), ("record", "queue"), ("record", "shard"),
        ("resource", "pid"), ("resource", "service.name"),
    ]  # fmt: skip
