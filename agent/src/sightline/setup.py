"""Builds what `configure` was asked for."""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, get_args

from opentelemetry import metrics, propagate
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from sightline import exporters
from sightline.config import Console
from sightline.counted import counting
from sightline.otlp_logs import start_logs
from sightline.propagation import CorrelationPropagator
from sightline.runtime import LEVELS, Closer, Runtime, Signal
from sightline.signals import close_on_sigterm
from sightline.stdlib import capture_logging
from sightline.traces import start_traces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sightline.config import Options
    from sightline.otlp_logs import LogEmitter

_log = logging.getLogger(__name__)


def build(options: Options) -> Runtime:
    """Build the runtime and make its providers those of the process."""
    options = _known(options)
    os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http,database")
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    _propagate(create=disabled)
    resource = _resource(options)
    logs: LogEmitter | None = None
    signals: list[Signal] = []
    if not disabled:
        with counting() as ours:
            logs = _logs(options, resource, count=ours)
            signals = _signals(options, resource, logs, count=ours)
    return Runtime(
        service=str(resource.attributes.get("service.name", "")),
        threshold=LEVELS[options.level],
        console=_console(options.console),
        logs=logs,
        closer=Closer(lambda: _each(signal.close for signal in signals)),
        flush=lambda: _each(signal.flush for signal in signals),
        shutdown_timeout=options.shutdown_timeout,
        undo=_hooks(options),
    )


def _known(options: Options) -> Options:
    """Return the options with defaults in place of values that there are not."""
    if options.level not in LEVELS:
        _log.warning("cannot use level %r: one of %s; using info", options.level, ", ".join(LEVELS))
        options = replace(options, level="info")
    if options.console not in get_args(Console):
        _log.warning("cannot use console %r: one of %s", options.console, get_args(Console))
        options = replace(options, console="auto")
    return options


def _hooks(options: Options) -> tuple[Callable[[], None], ...]:
    """Hook into the process; return what takes it back."""
    undo: list[Callable[[], None]] = []
    if options.capture_logging:
        undo.append(capture_logging(LEVELS[options.level]))
    if options.flush_on_sigterm:
        undo.append(close_on_sigterm())
    return tuple(undo)


def _logs(options: Options, resource: Resource, *, count: bool) -> LogEmitter | None:
    exporter = exporters.log_exporter(options.endpoint)
    return start_logs(resource, exporter, count=count) if exporter is not None else None


def _signals(
    options: Options, resource: Resource, logs: LogEmitter | None, *, count: bool
) -> list[Signal]:
    """Start the rest; logs come first at the end, because they explain the others."""
    signals = [Signal(logs.flush, logs.close)] if logs is not None else []
    spans = exporters.span_exporter(options.endpoint)
    signals.append(start_traces(resource, spans, count=count))
    exporter = exporters.metric_exporter(options.endpoint)
    existing = metrics.get_meter_provider()
    if isinstance(existing, MeterProvider):
        signals.append(Signal(existing.force_flush, existing.force_flush))
    elif exporter is not None:
        reader = PeriodicExportingMetricReader(exporter)
        provider = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        metrics.set_meter_provider(provider)
        signals.append(Signal(provider.force_flush, provider.shutdown))
    return signals


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


def _each(steps: Iterable[Callable[[], object]]) -> None:
    for step in steps:
        try:
            step()
        except Exception:  # noqa: BLE001 - one signal that fails must not keep the others back
            _log.warning("cannot send all telemetry", exc_info=True)
