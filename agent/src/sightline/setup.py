"""Builds what `configure` was asked for."""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, get_args

from opentelemetry import metrics, propagate
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from sightline import exporters, redaction
from sightline.config import Console
from sightline.counted import counting
from sightline.forks import Renewal
from sightline.otlp_logs import RedactedLogs, start_logs
from sightline.propagation import CorrelationPropagator
from sightline.redacted import RedactedMetrics, RedactedSpans, show_redacted
from sightline.runtime import LEVELS, Closer, Runtime, Signal
from sightline.signals import close_on_sigterm
from sightline.stdlib import capture_logging
from sightline.traces import start_traces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opentelemetry.sdk.metrics.export import MetricExporter

    from sightline.config import Options
    from sightline.otlp_logs import LogEmitter
    from sightline_redaction.redactor import Redactor

_log = logging.getLogger(__name__)


def build(options: Options) -> Runtime:
    """Build the runtime and make its providers those of the process."""
    options = _known(options)
    os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http,database")
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    _propagate(create=disabled)
    redactor = redaction.redactor(options.redaction)
    resource = _resource(options, redactor)
    logs: LogEmitter | None = None
    signals: list[Signal] = []
    if not disabled:
        with counting() as ours:
            renewal = Renewal()
            sending = _Sending(options.endpoint, resource, redactor, count=ours)
            logs = _logs(sending)
            signals = _signals(sending, logs)
            renewal.roots += [one for signal in signals for one in signal.ours]
    return Runtime(
        service=str(resource.attributes.get("service.name", "")),
        threshold=LEVELS[options.level],
        console=_console(options.console),
        logs=logs,
        redactor=lambda: redactor,
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


@dataclass(frozen=True)
class _Sending:
    """What all three signals are sent with."""

    endpoint: str | None
    resource: Resource
    redactor: Redactor | None
    count: bool = field(kw_only=True)


def _logs(sending: _Sending) -> LogEmitter | None:
    exporter = exporters.log_exporter(sending.endpoint)
    if exporter is None:
        return None
    if sending.redactor is not None:
        exporter = RedactedLogs(exporter, sending.redactor)
    return start_logs(sending.resource, exporter, count=sending.count)


def _signals(sending: _Sending, logs: LogEmitter | None) -> list[Signal]:
    """Start the rest; logs come first at the end, because they explain the others."""
    signals = [logs.signal()] if logs is not None else []
    spans = exporters.span_exporter(sending.endpoint)
    if spans is not None and sending.redactor is not None:
        spans = RedactedSpans(spans, sending.redactor)
    signals.append(start_traces(sending.resource, spans, count=sending.count))
    exporter = exporters.metric_exporter(sending.endpoint)
    existing = metrics.get_meter_provider()
    if isinstance(existing, MeterProvider):
        signals.append(Signal(existing.force_flush, existing.force_flush))
    elif exporter is not None:
        signals.append(_metrics(sending, exporter))
    if sending.redactor is not None:
        show_redacted(sending.redactor)
    return signals


def _metrics(sending: _Sending, exporter: MetricExporter) -> Signal:
    if sending.redactor is not None:
        exporter = RedactedMetrics(exporter, sending.redactor)
    reader = PeriodicExportingMetricReader(exporter)
    provider = MeterProvider([reader], resource=sending.resource, shutdown_on_exit=False)
    metrics.set_meter_provider(provider)
    return Signal(provider.force_flush, provider.shutdown, ours=(provider,))


def _resource(options: Options, redactor: Redactor | None) -> Resource:
    named = {
        "service.name": options.service,
        "service.version": options.version,
        "deployment.environment.name": options.environment,
    }
    resource = Resource.create({key: value for key, value in named.items() if value})
    shown = redactor.mapping(resource.attributes) if redactor is not None else None
    return Resource(shown, resource.schema_url) if shown is not None else resource


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
