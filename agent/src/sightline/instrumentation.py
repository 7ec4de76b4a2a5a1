"""OpenTelemetry's instrumentations of other libraries, switched on at most once."""

from __future__ import annotations

import importlib
import logging
import os
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightline.asgi import CorrelationResponse

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_OURS = frozenset({"logging", "structlog"})
"""Instrumentations of what we do ourselves: with them each line would be sent twice."""
_HTTPX = {"httpx": "HTTPXClientInstrumentor", "httpx2": "HTTPX2ClientInstrumentor"}

_log = logging.getLogger(__name__)


def instrument_all() -> None:
    """Switch on every OpenTelemetry instrumentation that is installed together with its library."""
    said = os.environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "")
    skipped = _OURS | {name.strip() for name in said.split(",")}
    if _fastapi_is_native():
        skipped |= {"fastapi"}
    if "*" in skipped:
        return
    installed = sorted(entry_points(group="opentelemetry_instrumentor"), key=lambda one: one.name)
    if not installed:
        _log.warning("cannot instrument anything: pip install 'sightline[instrument-all]'")
    for entry in installed:
        if entry.name not in skipped:
            _switch_on_installed(entry)


def instrument_httpx() -> None:
    """Instrument httpx, and its successor httpx2, for the whole process."""
    for package, name in _HTTPX.items():
        if find_spec(package) is not None:
            _switch_on("opentelemetry.instrumentation.httpx", name)


def instrument_fastapi(app: Any) -> None:
    """Instrument one FastAPI application; must run before it serves its first request."""
    if not _fastapi_is_native() and not getattr(app, "_is_instrumented_by_opentelemetry", False):
        instrumentor = _load("opentelemetry.instrumentation.fastapi", "FastAPIInstrumentor")
        if instrumentor is not None:
            instrumentor.instrument_app(app)
    if app.middleware_stack is not None:
        _log.warning("cannot add correlation ids to responses: the application is already running")
    elif all(middleware.cls is not CorrelationResponse for middleware in app.user_middleware):
        app.add_middleware(CorrelationResponse)


def _fastapi_is_native() -> bool:
    """Tell whether FastAPI brings its own telemetry, without importing it."""
    package = find_spec("fastapi")
    places = package.submodule_search_locations if package is not None else None
    return any((Path(place) / "telemetry").is_dir() for place in places or ())


def _switch_on_installed(entry: EntryPoint) -> None:
    try:
        from opentelemetry.instrumentation.dependencies import (  # noqa: PLC0415 - an extra
            get_dependency_conflicts,
            get_dist_dependency_conflicts,
        )

        # Without the library, or with a version of it that the instrumentation cannot do: nothing.
        if entry.dist is not None and get_dist_dependency_conflicts(entry.dist) is not None:
            return
        instrumentor = entry.load()()
        if get_dependency_conflicts(instrumentor.instrumentation_dependencies()) is not None:
            return
        if not instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.instrument()
    except Exception as error:  # noqa: BLE001 - one that fails must not keep the others back
        _log.warning("cannot instrument %s: %s", entry.name, error)


def _switch_on(module: str, name: str) -> None:
    instrumentor = _load(module, name)
    if instrumentor is not None and not instrumentor().is_instrumented_by_opentelemetry:
        instrumentor().instrument()


def _load(module: str, name: str) -> Any:
    try:
        return getattr(importlib.import_module(module), name)
    except ImportError as error:
        _log.warning(
            "cannot instrument %s: %s (pip install 'sightline[instrument]')",
            module.rpartition(".")[2],
            error,
        )
        return None
