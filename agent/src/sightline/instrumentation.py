"""OpenTelemetry's instrumentations of other libraries, switched on at most once."""

from __future__ import annotations

import importlib
import logging
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sightline.asgi import CorrelationResponse

_HTTPX = {"httpx": "HTTPXClientInstrumentor", "httpx2": "HTTPX2ClientInstrumentor"}

_log = logging.getLogger(__name__)


def instrument_all() -> None:
    """Instrument each supported library that is installed here."""
    if any(find_spec(package) is not None for package in _HTTPX):
        instrument_httpx()
    if find_spec("fastapi") is not None and not _fastapi_is_native():
        _switch_on("opentelemetry.instrumentation.fastapi", "FastAPIInstrumentor")


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
