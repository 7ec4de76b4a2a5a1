"""`sightline ledger`: the books from the command line, over the API of a running Sightline."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from sightline_core.output import Output
from sightline_query_api.dead_letters.remote import Remote
from sightline_query_api.terminal import moment, plain

UNBALANCED: Final = 2
"""Exit code when something is unexplained; 1 is an error, as everywhere."""
LOCAL: Final = "http://127.0.0.1:8420"
COLUMNS: Final = (
    "created", "stored", "sampled_out", "dropped", "quarantined", "dead_lettered", "in_flight",
    "unexplained",
)  # fmt: skip


def ledger(
    since: Annotated[str, typer.Option(help="From: 30m, 6h, 2d ago, or a time (RFC 3339).")] = "1h",
    until: Annotated[str, typer.Option(help="To; default: now.")] = "",
    endpoint: Annotated[
        str, typer.Option(help="Address of the API.", envvar="SIGHTLINE_API_ENDPOINT")
    ] = LOCAL,
    output: Annotated[Output, typer.Option(help="How to print the result.")] = Output.TABLE,
) -> None:
    """Show whether everything that was created is accounted for, per service and signal.

    Exits with 2 when something is unexplained; what may still be on its way is not judged yet.
    Columns: created = stored + sampled out + dropped + quarantined + dead-lettered + in flight +
    unexplained. Gaps in the sequences of the origins are listed below the table.
    """
    remote = Remote(endpoint)
    span = {"start": moment(since), "end": moment(until)}
    books = remote.get("/ledger", span)
    gaps = remote.get("/ledger/gaps", {**span, "limit": 100})
    if output is Output.JSON:
        typer.echo(json.dumps({**books, "gaps": gaps["items"]}, indent=2))
    else:
        _print(books, gaps["items"])
    if not books["balanced"]:
        raise typer.Exit(UNBALANCED)


def _print(books: Any, gaps: list[Any]) -> None:
    console = Console()
    table = Table("service", "signal", box=None)
    for column in COLUMNS:
        table.add_column(column.replace("_", " "), justify="right")
    for row in books["items"]:
        if any(row[column] for column in COLUMNS):
            numbers = (f"{row[column]:,}" for column in COLUMNS)
            table.add_row(plain(row["service"] or "(unknown)"), row["signal"], *numbers)
    console.print(table)
    for row in books["items"]:
        for drop in row["dropped_by"]:
            console.print(
                plain(
                    f"dropped: {drop['records']:,} {row['signal']} of "
                    f"{row['service'] or '(unknown)'} at {drop['hop']}: {drop['reason']}"
                )
            )
    for gap in gaps:
        console.print(
            plain(
                f"{gap['state']}: {gap['signal']} messages {gap['first_seq']} to "
                f"{gap['last_seq']} of {gap['origin']}, between {gap['after'][:19]} and "
                f"{gap['before'][:19]}"
            )
        )
    verdict = "The books balance" if books["balanced"] else "The books do not balance"
    judged = f" as of {books['settled'][:19]}" if books["settled"] else "; nothing is judged yet"
    console.print(f"{verdict}{judged}.")
