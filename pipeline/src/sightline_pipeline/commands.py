"""`sightline pipeline`, `sightline store` and `sightline migrate`."""

from __future__ import annotations

import asyncio
import json
import logging
from getpass import getuser
from pathlib import Path  # noqa: TC003 - typer reads the annotation
from typing import TYPE_CHECKING, Annotated

import typer

from sightline_core.bus.protocol import TopicPartition
from sightline_core.errors import StoreLocked
from sightline_core.output import Output
from sightline_core.settings import load_settings
from sightline_core.store.client import open_store
from sightline_pipeline.orders import Order, read_orders, save_order
from sightline_pipeline.process import run_pipeline
from sightline_pipeline.schema import migrate_store
from sightline_pipeline.store_process import run_store

if TYPE_CHECKING:
    from sightline_core.store.client import Store

Topic = Annotated[str, typer.Argument(help="Topic, such as otlp_spans.")]
Partition = Annotated[int, typer.Argument(min=0, help="Number of the partition.")]
Note = Annotated[str, typer.Option(help="Why; kept with the order.")]
Printing = Annotated[Output, typer.Option(help="How to print the result.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command(epilog="Example: sightline migrate --output json")(migrate)
    app.command(epilog="Example: SIGHTLINE_CLICKHOUSE_HTTP_PASSWORD=… sightline store --port 8123")(
        store
    )
    group = typer.Typer(
        help="Move telemetry from the bus into the store; pause and resume partitions.",
        epilog="Example: SIGHTLINE_BUS=kafka sightline pipeline",
        invoke_without_command=True,
    )
    group.callback()(pipeline)
    group.command(epilog="Example: sightline pipeline resume otlp_spans 0")(resume)
    group.command(epilog="Example: sightline pipeline pause otlp_logs 1 --note 'moving disks'")(
        pause
    )
    group.command(epilog="Example: sightline pipeline orders --output json")(orders)
    app.add_typer(group, name="pipeline")


def pipeline(context: typer.Context) -> None:
    """Without a sub-command: run one pipeline process until it is told to stop.

    Several share the partitions when the bus is Kafka. SIGTERM finishes the inserts under way.
    """
    if context.invoked_subcommand is not None:
        return
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    asyncio.run(
        run_pipeline(
            load_settings(),
            lambda url: typer.echo(f"pipeline is running; health and metrics: {url}"),
        )
    )


def resume(topic: Topic, partition: Partition, note: Note = "") -> None:
    """Let a paused partition run; the pipeline that owns it sees the order within seconds."""
    with _store() as store:
        save_order(store, TopicPartition(topic, partition), None, by=getuser(), note=note)
    typer.echo(f"{topic}-{partition} shall run")


def pause(topic: Topic, partition: Partition, note: Note = "") -> None:
    """Let a partition wait; its data stays on the bus, the batch under way is finished."""
    with _store() as store:
        save_order(store, TopicPartition(topic, partition), Order("operator", note), by=getuser())
    typer.echo(f"{topic}-{partition} shall wait")


def orders(output: Printing = Output.TABLE) -> None:
    """List the partitions that shall wait, and why."""
    with _store() as store:
        standing = [
            {"topic": topic, "partition": number, "reason": order.reason, "detail": order.detail}
            for (topic, number), order in sorted(read_orders(store).items())
        ]
    if output is Output.JSON:
        typer.echo(json.dumps(standing))
    elif not standing:
        typer.echo("no partition is paused")
    for row in standing if output is Output.TABLE else []:
        typer.echo("{topic}-{partition}  {reason}  {detail}".format(**row))


def _store() -> Store:
    try:
        return open_store(load_settings(), ingest_clients=1, query_clients=1)
    except StoreLocked as error:
        raise StoreLocked(
            f"{error}. While it runs, send the order to its API: POST /api/v1/partitions/orders"
        ) from error


def store(
    data_dir: Annotated[Path | None, typer.Option(help="Where data is kept.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to bind.")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port of ClickHouse's HTTP interface. \\[default: 8123]")
    ] = None,
) -> None:
    """Run the embedded engine alone and serve it to other processes, which may write.

    They find it with SIGHTLINE_CLICKHOUSE_URL=http://default:password@host:8123. The port may be
    set with SIGHTLINE_CLICKHOUSE_HTTP_PORT, the password with SIGHTLINE_CLICKHOUSE_HTTP_PASSWORD.
    """
    settings = load_settings(data_dir=data_dir, host=host, clickhouse_http_port=port)
    asyncio.run(run_store(settings, lambda url: typer.echo(f"store is running: {url}")))


def migrate(
    output: Printing = Output.TABLE,
) -> None:
    """Bring the store in the data directory up to date; `sightline up` does so by itself."""
    settings = load_settings()
    with open_store(settings, ingest_clients=1, query_clients=1) as store:
        applied = [migration.name for migration in migrate_store(store, settings)]
    if output is Output.JSON:
        typer.echo(json.dumps({"applied": applied}))
    else:
        typer.echo("\n".join(f"applied {name}" for name in applied) or "nothing to apply")
