"""`sightline migrate`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from sightline_core.output import Output
from sightline_core.settings import load_settings
from sightline_core.store.client import open_store
from sightline_pipeline.schema import migrate_store


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command(epilog="Example: sightline migrate --output json")(migrate)


def migrate(
    output: Annotated[Output, typer.Option(help="How to print the result.")] = Output.TABLE,
) -> None:
    """Bring the store in the data directory up to date; `sightline up` does so by itself."""
    settings = load_settings()
    with open_store(settings, ingest_clients=1, query_clients=1) as store:
        applied = [migration.name for migration in migrate_store(store, settings)]
    if output is Output.JSON:
        typer.echo(json.dumps({"applied": applied}))
    else:
        typer.echo("\n".join(f"applied {name}" for name in applied) or "nothing to apply")
