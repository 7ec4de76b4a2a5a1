"""The query API as an ASGI application, with the web app beside it."""

from __future__ import annotations

import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware

from sightline_query_api import (
    alerts,
    attribute_values,
    bookkeeping,
    correlations,
    dependencies,
    ledger,
    logs,
    partitions,
    services,
    span,
    status,
    trace,
    traces,
)
from sightline_query_api.backend import Backend, Queries
from sightline_query_api.completeness import ProgressReader
from sightline_query_api.dead_letters import detail, listing, redrives
from sightline_query_api.hosts import AllowedHosts
from sightline_query_api.problems import MEDIA_TYPE, ProblemDetails, register_handlers
from sightline_query_api.shortfalls import GapCache
from sightline_query_api.watch import Watch
from sightline_query_api.web import SecurityHeaders, static_directory, web_app

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from sightline_core.bus.protocol import Bus
    from sightline_core.settings import Settings
    from sightline_core.store.client import Store

PREFIX = "/api/v1"


def create_app(
    store: Store,
    bus: Bus,
    settings: Settings,
    *,
    ready: Callable[[], Sequence[str]] = tuple,
    static: Path | None = None,
) -> FastAPI:
    """Return the application; it neither opens nor closes the store and the bus.

    Args:
        store: migrated; its query role is used.
        bus: asked for the pipeline's lag, on the event loop that serves the application.
        settings: as of the process.
        ready: returns what is not ready yet, in sentences; nothing when all is. For `/readyz`.
        static: directory of the web app; default: the one in this package.
    """
    app = FastAPI(
        title="Sightline",
        summary="Follow one request through logs, metrics and traces.",
        version=version("sightline"),
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(AllowedHosts, names=(settings.host, *settings.api_allowed_hosts)),
            Middleware(GZipMiddleware, compresslevel=4),
        ],
        responses=_problems(),
    )
    app.state.backend = Backend(
        queries=Queries(store),
        bus=bus,
        progress=ProgressReader(bus),
        gaps=GapCache(),
        watch=Watch(),
        ready=ready,
        settings=settings,
        started=time.time_ns(),
    )
    register_handlers(app)
    app.include_router(status.probes)
    for module in (
        services,
        traces,
        trace,
        span,
        logs,
        correlations,
        dependencies,
        bookkeeping,
        attribute_values,
        ledger,
        alerts,
        listing,
        detail,
        redrives,
        partitions,
        status,
    ):
        app.include_router(module.router, prefix=PREFIX)
    # Not a mount: that would take the requests that a path of the API knows by another method.
    app.router.default = web_app(static or static_directory())
    return app


def _problems() -> dict[int | str, dict[str, Any]]:
    """Describe the errors that every endpoint may answer with."""
    reasons = {
        "4XX": "A parameter cannot be used (400), there is no such thing (404), or not here (421)",
        "5XX": "A fault (500), the store is not in reach (503), or the query takes too long (504)",
    }
    schema = {"schema": ProblemDetails.model_json_schema()}
    return {
        status: {"description": reason, "content": {MEDIA_TYPE: schema}}
        for status, reason in reasons.items()
    }
