"""The SDK's own counters: what the books begin with."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

import sightline

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from sightline.testing import Receiver


def _sums(receiver: Receiver) -> dict[tuple[str, str], int]:
    """Return the last value of each `otel.sdk` sum, by name and what tells its points apart."""
    found: dict[tuple[str, str], int] = {}
    metrics = (
        metric
        for path, body in receiver.requests
        if path == "/v1/metrics"
        for group in ExportMetricsServiceRequest.FromString(body).resource_metrics
        for scope in group.scope_metrics
        for metric in scope.metrics
        if metric.name.startswith("otel.sdk.")
    )
    for metric in metrics:
        for point in metric.sum.data_points:
            said = {one.key: one.value.string_value for one in point.attributes}
            kind = said.get("error.type") or said.get("otel.span.sampling_result") or ""
            found[metric.name, kind] = point.as_int
    return found


def test_what_is_created_is_exported_or_waits(
    configure: Callable[..., None], receiver: Receiver
) -> None:
    configure()
    for number in range(5):
        with sightline.span("work"):
            sightline.get_logger("tested").info("done", number=number)
    open_one = trace.get_tracer("t").start_span("open")
    sightline.flush()
    sums = _sums(receiver)
    assert sums["otel.sdk.span.started", "RECORD_AND_SAMPLE"] == 6
    assert sums["otel.sdk.span.live", ""] == 1
    assert sums["otel.sdk.exporter.span.exported", ""] == 5
    assert sums["otel.sdk.processor.span.processed", ""] == 5
    assert sums["otel.sdk.processor.span.queue.size", ""] == 0
    assert sums["otel.sdk.exporter.span.inflight", ""] == 0
    assert sums["otel.sdk.log.created", ""] == sums["otel.sdk.exporter.log.exported", ""] == 5
    open_one.end()


def test_what_head_sampling_leaves_out_is_counted(
    configure: Callable[..., None], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    configure()
    for _ in range(3):
        with sightline.span("work"):
            pass
    sightline.flush()
    assert _sums(receiver)["otel.sdk.span.started", "DROP"] == 3


def test_what_a_full_queue_drops_is_counted(
    configure: Callable[..., None], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "10")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10")
    configure()
    tracer = trace.get_tracer("t")
    for _ in range(2000):  # faster than any exporter
        tracer.start_span("work").end()
    sightline.flush()
    sums = _sums(receiver)
    dropped = sums["otel.sdk.processor.span.processed", "queue_full"]
    assert dropped > 0
    # OpenTelemetry counts a drop for a queue that the exporter empties at that very moment.
    assert 2000 <= sums["otel.sdk.exporter.span.exported", ""] + dropped <= 2100


def test_who_sets_the_variable_decides(
    configure: Callable[..., None], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED", "false")
    configure()
    with sightline.span("work"):
        pass
    sightline.flush()
    assert _sums(receiver) == {}
    assert os.environ["OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED"] == "false"


def test_the_variable_is_left_as_it_was(configure: Callable[..., Any]) -> None:
    configure()
    assert "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED" not in os.environ
