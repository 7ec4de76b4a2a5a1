"""`sightline up` and `sightline settings`."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from importlib.metadata import version
from pathlib import Path  # noqa: TC003 - typer reads the annotation
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.table import Table

from sightline_core.output import Output
from sightline_core.settings import ENV_PREFIX, Settings, load_settings
from sightline_standalone.standalone import Standalone

if TYPE_CHECKING:
    from sightline_standalone.standalone import Addresses

OTLP_HTTP_PORT: Final = 4318
"""Where `sightline send` sends when it is not told where."""


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command(epilog="Example: sightline up --demo --data-dir /var/lib/sightline --port 8080")(up)
    app.command(epilog="Example: sightline settings --output json")(settings)


def up(
    demo: Annotated[bool, typer.Option("--demo", help="Also run the demo shop.")] = False,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where data is kept. \\[default: sightline-data]")
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to bind. \\[default: 127.0.0.1]")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port of web UI and query API. \\[default: 8420]")
    ] = None,
    demo_rate: Annotated[
        float | None, typer.Option(help="Demo requests a second. \\[default: 2]")
    ] = None,
) -> None:
    """Run everything in one process: OTLP in, one durable log, ClickHouse's engine, API and web UI.

    An option wins over its setting: SIGHTLINE_DATA_DIR, SIGHTLINE_HOST,
    SIGHTLINE_API_PORT (for --port), SIGHTLINE_DEMO_RATE; --demo has no setting.
    `sightline settings` lists all of them, the OTLP ports too.
    """
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    chosen = load_settings(data_dir=data_dir, host=host, api_port=port, demo_rate=demo_rate)
    asyncio.run(_run(chosen, demo=demo))


async def _run(settings: Settings, *, demo: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    typer.echo(f"Sightline {version('sightline')} is starting …", err=True)
    async with Standalone(settings, demo=demo) as standalone:
        _welcome(standalone.addresses, settings)
        failed = asyncio.create_task(standalone.failed())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({failed, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        typer.echo("Stopping …", err=True)
        if failed.done():
            failed.result()
        failed.cancel()
    for number in (signal.SIGINT, signal.SIGTERM):
        # All is stopped: an impatient second signal must not turn a good end into a bad one.
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_IGN)


def _welcome(addresses: Addresses, settings: Settings) -> None:
    lines = [
        "",
        f"  Open       {addresses.api}",
        f"  Send OTLP  {addresses.otlp_http} (HTTP), {addresses.otlp_grpc} (gRPC)",
        f"  Data       {settings.data_dir.resolve()}",
    ]
    if addresses.clickhouse:
        lines.append(f"  ClickHouse {addresses.clickhouse} (HTTP)")
    if addresses.demo:
        rate = f"{settings.demo_rate:g} request{'s' if settings.demo_rate != 1 else ''} a second"
        lines.append(f"  Demo shop  {addresses.demo}, {rate}")
    else:
        usual = urlsplit(addresses.otlp_http).port == OTLP_HTTP_PORT
        endpoint = "" if usual else f" --endpoint {addresses.otlp_http}"
        lines.append(f"  Try it     sightline send{endpoint}")
    typer.echo("\n".join([*lines, "", "  Ctrl+C stops it.", ""]))


def settings(
    output: Annotated[Output, typer.Option(help="How to print the result.")] = Output.TABLE,
) -> None:
    """Print every setting: its value now, its environment variable, what it means."""
    values = load_settings().model_dump(mode="json")
    rows: list[dict[str, Any]] = [
        {
            "setting": name,
            "value": values[name],
            "environment": f"{ENV_PREFIX}{name.upper()}",
            "meaning": field.description or "",
        }
        for name, field in Settings.model_fields.items()
    ]
    if output is Output.JSON:
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table(box=None)
    table.add_column("environment variable", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("meaning", ratio=1, overflow="fold")
    for row in rows:
        table.add_row(row["environment"], str(row["value"]), row["meaning"])
    Console().print(table)
