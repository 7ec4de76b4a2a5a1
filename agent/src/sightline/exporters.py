"""Which exporter a signal uses, from the options and the standard `OTEL_*` variables."""

from __future__ import annotations

import importlib
import logging
import os
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from opentelemetry.sdk._logs.export import LogRecordExporter
    from opentelemetry.sdk.metrics.export import MetricExporter
    from opentelemetry.sdk.trace.export import SpanExporter

Signal = Literal["traces", "metrics", "logs"]

HTTP = "http/protobuf"
GRPC = "grpc"
_DEFAULT_ENDPOINTS = {HTTP: "http://127.0.0.1:4318", GRPC: "http://127.0.0.1:4317"}
_CLASSES = {
    "traces": "OTLPSpanExporter",
    "metrics": "OTLPMetricExporter",
    "logs": "OTLPLogExporter",
}
_MODULES = {"traces": "trace_exporter", "metrics": "metric_exporter", "logs": "_log_exporter"}
_PACKAGES = {
    HTTP: "opentelemetry.exporter.otlp.proto.http",
    GRPC: "opentelemetry.exporter.otlp.proto.grpc",
}

_log = logging.getLogger(__name__)


def span_exporter(endpoint: str | None) -> SpanExporter | None:
    """Return the exporter of traces; None when they are switched off."""
    if (choice := _choice("traces")) == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter  # noqa: PLC0415

        return ConsoleSpanExporter()
    return _otlp("traces", endpoint) if choice == "otlp" else None


def metric_exporter(endpoint: str | None) -> MetricExporter | None:
    """Return the exporter of metrics; None when they are switched off."""
    if (choice := _choice("metrics")) == "console":
        from opentelemetry.sdk.metrics.export import ConsoleMetricExporter  # noqa: PLC0415

        return ConsoleMetricExporter()
    return _otlp("metrics", endpoint) if choice == "otlp" else None


def log_exporter(endpoint: str | None) -> LogRecordExporter | None:
    """Return the exporter of logs; None when they are switched off."""
    if (choice := _choice("logs")) == "console":
        from sightline.otlp_logs import console_exporter  # noqa: PLC0415

        return console_exporter()
    return _otlp("logs", endpoint) if choice == "otlp" else None


def _choice(signal: Signal) -> str:
    variable = f"OTEL_{signal.upper()}_EXPORTER"
    chosen = os.environ.get(variable, "").strip() or "otlp"
    if chosen not in {"otlp", "console", "none"}:
        _log.warning("cannot use %s=%s: otlp, console or none; using otlp", variable, chosen)
        return "otlp"
    return chosen


def _otlp(signal: Signal, endpoint: str | None) -> Any:
    protocol = _protocol(signal)
    if protocol == GRPC:
        try:
            return _make(signal, GRPC, endpoint)
        except ImportError:
            _log.warning(
                "cannot send %s over gRPC: pip install 'sightline[grpc]'; sending over HTTP", signal
            )
            if endpoint is None:
                _log.warning("OTLP over HTTP goes to %s", _DEFAULT_ENDPOINTS[HTTP])
                endpoint = _DEFAULT_ENDPOINTS[HTTP]
    return _make(signal, HTTP, endpoint)


def _protocol(signal: Signal) -> str:
    variables = (f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    chosen = next((os.environ[name].strip() for name in variables if os.environ.get(name)), HTTP)
    if chosen not in {HTTP, GRPC}:
        _log.warning("cannot use OTLP protocol %s: %s or %s; using %s", chosen, HTTP, GRPC, HTTP)
        return HTTP
    return chosen


def _make(signal: Signal, protocol: str, endpoint: str | None) -> Any:
    module = importlib.import_module(f"{_PACKAGES[protocol]}.{_MODULES[signal]}")
    exporter = getattr(module, _CLASSES[signal])
    target = endpoint or _default_endpoint(signal, protocol)
    if target is None:
        return exporter()
    if protocol == GRPC:
        return exporter(endpoint=target, insecure=target.startswith("http://"))
    return exporter(endpoint=f"{target.rstrip('/')}/v1/{signal}")


def _default_endpoint(signal: Signal, protocol: str) -> str | None:
    """Return where to send when nobody says so; None when a variable does."""
    said = ("OTEL_EXPORTER_OTLP_ENDPOINT", f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT")
    return None if any(os.environ.get(name) for name in said) else _DEFAULT_ENDPOINTS[protocol]
