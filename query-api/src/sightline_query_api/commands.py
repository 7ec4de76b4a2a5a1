"""`sightline api`."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Annotated, Final

import typer

from sightline_core.bus.opening import open_bus
from sightline_core.errors import MigrationError, StoreLocked
from sightline_core.serving import HttpServer, api_port
from sightline_core.settings import load_settings
from sightline_core.startup import Startup, ToldToStop
from sightline_core.store.client import open_store
from sightline_core.store.migrations import applied_migrations
from sightline_query_api.app import create_app
from sightline_query_api.dead_letters.commands import dlq
from sightline_query_api.ledger_command import ledger

if TYPE_CHECKING:
    import socket

    from sightline_core.settings import Settings
    from sightline_core.store.client import Store

NEWEST_MIGRATION: Final = 12
"""The one that the queries need; the pipeline has the files."""
STOP_SECONDS: Final = 5


def register(app: typer.Typer) -> None:
    """Add the query API's commands to `app`."""
    app.add_typer(dlq, name="dlq")
    app.command(epilog="Example: sightline ledger --since 6h --output json")(ledger)
    app.command(epilog="Example: sightline api --data-dir /var/lib/sightline --port 8420")(api)


def api(
    data_dir: Annotated[str | None, typer.Option(help="Where the data is.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to bind.")] = None,
    port: Annotated[int | None, typer.Option(help="Port of API and web app; 0: any.")] = None,
) -> None:
    """Serve the API and the web app on a store elsewhere, or on data that nothing else uses.

    The embedded store belongs to one process: while `sightline up` runs, the API runs inside it.
    Alone, this shows the data of a stopped Sightline; nothing is received or processed.
    """
    asyncio.run(_serve(load_settings(data_dir=data_dir, host=host, api_port=port)))


async def _serve(settings: Settings) -> None:
    startup = Startup()
    with api_port(settings).bind() as listener, contextlib.suppress(ToldToStop):
        # A store elsewhere may start later, and a pipeline may still bring its tables up to date.
        remote = settings.clickhouse_url is not None
        with await startup.reach(
            "the store",
            lambda: asyncio.to_thread(_open_store, settings),
            also=(MigrationError,) if remote else (),
        ) as store:
            await _answer(store, settings, listener, startup.told)


async def _answer(
    store: Store, settings: Settings, listener: socket.socket, told: asyncio.Event
) -> None:
    bus = open_bus(settings)
    try:
        server = HttpServer(create_app(store, bus, settings), listener, stop_seconds=STOP_SECONDS)
        await server.start()
        port = listener.getsockname()[1]
        typer.echo(f"API and web app: http://{settings.host}:{port}")
        await _until_told(server, told)
    finally:
        await bus.close()


async def _until_told(server: HttpServer, told: asyncio.Event) -> None:
    stopping = asyncio.create_task(told.wait())
    failed = asyncio.create_task(server.wait())
    await asyncio.wait({stopping, failed}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    await server.stop()
    await failed


def _open_store(settings: Settings) -> Store:
    try:
        store = open_store(settings)
    except StoreLocked as error:
        raise StoreLocked(
            f"{error}. If that is `sightline up`, the API is part of it: see its port"
        ) from error
    try:
        _check_schema(store, settings)
    except BaseException:
        store.close()
        raise
    return store


def _check_schema(store: Store, settings: Settings) -> None:
    applied = applied_migrations(store)
    if NEWEST_MIGRATION not in applied:
        newest = f"only migrations up to {max(applied)}" if applied else "no tables yet"
        raise MigrationError(
            f"cannot serve {settings.data_dir}: its store has {newest}; run `sightline migrate`"
        )
