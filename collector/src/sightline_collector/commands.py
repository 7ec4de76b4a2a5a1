"""`sightline collector` and `sightline send`."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from sightline_collector.collector import Collector
from sightline_collector.sample import sample
from sightline_collector.sample import send as send_request
from sightline_core.bus.opening import open_bus
from sightline_core.output import Output
from sightline_core.settings import load_settings
from sightline_core.startup import Startup, ToldToStop
from sightline_core.wire.schema import count

if TYPE_CHECKING:
    from sightline_core.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the collector's commands to `app`."""
    app.command(
        epilog="Example: SIGHTLINE_DATA_DIR=/var/lib/sightline sightline collector",
    )(collector)
    app.command(
        epilog="Example: sightline send --endpoint http://127.0.0.1:4318 --output json",
    )(send)


def collector() -> None:
    """Receive OTLP and keep it on the bus, without a pipeline.

    With SIGHTLINE_BUS=kafka, any number of them feed the pipelines. The embedded bus belongs to
    one process: what is kept there is read by `sightline up` afterwards.
    Ports and limits are settings (SIGHTLINE_OTLP_GRPC_PORT, SIGHTLINE_OTLP_HTTP_PORT, …).
    """
    asyncio.run(_serve(load_settings()))


def send(
    endpoint: Annotated[
        str, typer.Option(help="OTLP/HTTP address to send to.")
    ] = "http://127.0.0.1:4318",
    service: Annotated[str, typer.Option(help="service.name of the telemetry.")] = "sightline-test",
    output: Annotated[Output, typer.Option(help="How to print the result.")] = Output.TABLE,
) -> None:
    """Send test telemetry: a small trace with its logs and a metric; print its trace id.

    Exits with 1 when the endpoint rejected any of it.
    """
    made = sample(service)
    answers = {
        kind.value: send_request(endpoint, kind, request) for kind, request in made.requests.items()
    }
    sent = {kind.value: count(kind, request) for kind, request in made.requests.items()}
    rejected = {name: answer.rejected for name, answer in answers.items() if answer.rejected}
    notes = {name: answer.message for name, answer in answers.items() if answer.message}
    if output is Output.JSON:
        result = {"trace_id": made.trace_id, "service": service, "endpoint": endpoint, "sent": sent}
        more = {"rejected": rejected, "notes": notes}
        typer.echo(json.dumps(result | {name: said for name, said in more.items() if said}))
    else:
        typer.echo(f"trace {made.trace_id}")
        table = Table("signal", "records", "rejected", "note")
        for name, records in sent.items():
            table.add_row(name, str(records), str(rejected.get(name, 0)), notes.get(name, ""))
        Console().print(table)
    if rejected:
        raise typer.Exit(1)


async def _serve(settings: Settings) -> None:
    startup = Startup()
    bus = open_bus(settings)
    try:
        running = Collector(bus, settings)
        # Its ports are bound only afterwards: whoever asks before finds nobody, and tries again.
        await startup.reach("the bus", running.start)
        host = settings.host
        typer.echo(f"OTLP/gRPC on {host}:{running.grpc_port}, HTTP on {host}:{running.http_port}")
        await _until_told(running, startup.told)
    except ToldToStop:
        return
    finally:
        await bus.close()


async def _until_told(running: Collector, told: asyncio.Event) -> None:
    """Run until told to stop, or until a port fails; then stop, and raise that failure."""
    stopping = asyncio.create_task(told.wait())
    failed = asyncio.create_task(running.wait())
    await asyncio.wait({stopping, failed}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    await running.stop()
    await failed
