"""`sightline api`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer
import uvicorn

from sightline_core.bus.embedded import EmbeddedBus
from sightline_core.errors import StoreLocked
from sightline_core.settings import load_settings
from sightline_core.store.client import open_store
from sightline_query_api.app import create_app

if TYPE_CHECKING:
    from sightline_core.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the query API's command to `app`."""
    app.command(epilog="Example: sightline api --data-dir /var/lib/sightline --port 8420")(api)


def api(
    data_dir: Annotated[str | None, typer.Option(help="Where the data is.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to bind.")] = None,
    port: Annotated[int | None, typer.Option(help="Port of API and web app; 0: any.")] = None,
) -> None:
    """Serve the API and the web app on data that nothing else uses.

    The embedded store belongs to one process: while `sightline up` runs, the API runs inside it.
    Alone, this shows the data of a stopped Sightline; nothing is received or processed.
    """
    asyncio.run(_serve(load_settings(data_dir=data_dir, host=host, api_port=port)))


async def _serve(settings: Settings) -> None:
    try:
        store = open_store(settings)
    except StoreLocked as error:
        raise StoreLocked(
            f"{error}. If that is `sightline up`, the API is part of it: see its port"
        ) from error
    with store:
        bus = EmbeddedBus.from_settings(settings)
        try:
            config = uvicorn.Config(
                create_app(store, bus, settings),
                host=settings.host,
                port=settings.api_port,
                log_level="warning",
            )
            typer.echo(f"API and web app: http://{settings.host}:{settings.api_port}")
            await uvicorn.Server(config).serve()
        finally:
            await bus.close()
