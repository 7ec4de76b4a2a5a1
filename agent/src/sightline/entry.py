"""The parts of the API that load a library when, and only when, they are called."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sightline.loggers import Logger


def get_logger(name: str | None = None, /, **fields: object) -> Logger:
    """Return a structlog logger whose lines go to stdout and to OTLP.

    May be called before `configure`, at module level. Every line carries time, level, service,
    code location, trace id, span id and correlation id.

    Args:
        name: the logger's name; the calling module's by default.
        fields: values that every line of this logger carries.
    """
    from sightline.loggers import make_logger  # noqa: PLC0415 - structlog loads asyncio and rich

    caller = sys._getframe(1)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    return make_logger(name or caller.f_globals.get("__name__", "python"), fields)


def instrument() -> None:
    """Switch on every OpenTelemetry instrumentation that is installed together with its library.

    OTEL_PYTHON_DISABLED_INSTRUMENTATIONS names those to leave out, separated by commas.
    """
    from sightline import instrumentation  # noqa: PLC0415

    instrumentation.instrument_all()


def instrument_fastapi(app: Any) -> None:
    """Give a FastAPI application server spans, request metrics and correlation ids.

    FastAPI from 0.142 on makes the spans and metrics itself; then only the correlation id is added
    to its responses. Calling it twice changes nothing.
    """
    from sightline import instrumentation  # noqa: PLC0415

    instrumentation.instrument_fastapi(app)


def instrument_httpx() -> None:
    """Give all httpx clients of this process client spans and outgoing correlation headers."""
    from sightline import instrumentation  # noqa: PLC0415

    instrumentation.instrument_httpx()
