"""Builds what `configure` was asked for."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Literal

from opentelemetry import metrics, propagate
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from sightline import exporters
from sightline.otlp_logs import start_logs
from sightline.propagation import CorrelationPropagator
from sightline.runtime import LEVELS, Closer, Runtime
from sightline.stdlib import capture_logging
from sightline.traces import start_traces

if TYPE_CHECKING:
    from collections.abc import Callable

    from sightline.config import Console, Options
    from sightline.otlp_logs import LogEmitter


def build(options: Options) -> Runtime:
    """Build the runtime and make its providers those of the process."""
    os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http,database")
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    _propagate(create=disabled)
    resource = _resource(options)
    logs = None
    flushes: list[Callable[[], object]] = []
    closes: list[Callable[[], object]] = []
    if not disabled:
        logs = _start(options, resource, flushes, closes)
    return Runtime(
        service=str(resource.attributes.get("service.name", "")),
        threshold=LEVELS[options.level],
        console=_console(options.console),
        logs=logs,
        closer=Closer(lambda: _each(closes)),
        flush=lambda: _each(flushes),
        shutdown_timeout=options.shutdown_timeout,
        undo=(capture_logging(LEVELS[options.level]),) if options.capture_logging else (),
    )


def _start(
    options: Options,
    resource: Resource,
    flushes: list[Callable[[], object]],
    closes: list[Callable[[], object]],
) -> LogEmitter | None:
    """Start the three signals; logs come first at exit, because they explain the rest."""
    logs = None
    if (log_exporter := exporters.log_exporter(options.endpoint)) is not None:
        logs = start_logs(resource, log_exporter)
        flushes.append(logs.flush)
        closes.append(logs.close)
    tracing = start_traces(resource, exporters.span_exporter(options.endpoint))
    flushes.append(tracing.force_flush)
    closes.append(tracing.shutdown)
    if (metric_exporter := exporters.metric_exporter(options.endpoint)) is not None:
        reader = PeriodicExportingMetricReader(metric_exporter)
        meters = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        metrics.set_meter_provider(meters)
        flushes.append(meters.force_flush)
        closes.append(meters.shutdown)
    return logs


def _resource(options: Options) -> Resource:
    named = {
        "service.name": options.service,
        "service.version": options.version,
        "deployment.environment.name": options.environment,
    }
    return Resource.create({key: value for key, value in named.items() if value})


def _propagate(*, create: bool) -> None:
    inner = propagate.get_global_textmap()
    if not isinstance(inner, CorrelationPropagator):
        propagate.set_global_textmap(CorrelationPropagator(inner, create=create))


def _console(wanted: Console) -> Literal["json", "pretty", "none"]:
    if wanted == "auto":
        return "pretty" if sys.stdout.isatty() else "json"
    return wanted


def _each(steps: list[Callable[[], object]]) -> None:
    for step in steps:
        step()
