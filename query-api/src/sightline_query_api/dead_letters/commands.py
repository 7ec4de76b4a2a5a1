"""`sightline dlq`: dead letters from the command line, over the API of a running Sightline."""

from __future__ import annotations

import getpass
import json
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from sightline_core.output import Output
from sightline_query_api.dead_letters.options import (
    ClampTime,
    Drop,
    DryRun,
    Edited,
    Endpoint,
    Group,
    Ids,
    Key,
    Printed,
    Rate,
    RepairText,
    Replace,
    Salvage,
    Scope,
    Service,
    Set,
    Since,
    States,
    Topic,
    Until,
    Wait,
    Yes,
    fix,
    selection,
)
from sightline_query_api.dead_letters.remote import Remote
from sightline_query_api.terminal import moment, plain

FAILED: Final = 1
NOTHING_FOUND: Final = 3

LOCAL: Final = "http://127.0.0.1:8420"

dlq = typer.Typer(
    no_args_is_help=True,
    help="Look at dead letters, send them again, or discard them.",
    epilog="Example: sightline dlq list --since 6h",
)


@dlq.command("list", epilog="Example: sightline dlq list --topic otlp_spans --since 6h")
def list_letters(
    topic: Topic = "",
    group: Group = "",
    service: Service = "",
    q: Annotated[str, typer.Option(help="Part of the error or of the preview.")] = "",
    since: Since = "",
    until: Until = "",
    state: States = None,
    letters: Annotated[bool, typer.Option("--letters", help="One line a letter.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Lines at most.")] = 100,
    endpoint: Endpoint = LOCAL,
    output: Printed = Output.TABLE,
) -> None:
    """List dead letters by error, the one seen last first; by default the dead and parked ones.

    Exits with 3 when there are none.
    """
    path = "/dead-letters" if letters or group else "/dead-letters/groups"
    found = Remote(endpoint).get(
        path,
        {
            "topic": topic, "fingerprint": group, "service": service, "q": q, "limit": limit,
            "start": moment(since), "end": moment(until), "state": state,
        },
    )  # fmt: skip
    if output is Output.JSON:
        typer.echo(json.dumps(found, indent=2))
    elif found["items"]:
        Console().print(_letters(found["items"]) if letters or group else _groups(found["items"]))
        if found["next_cursor"]:
            typer.echo("there are more: ask for a --topic, a --since, or a higher --limit")
    else:
        typer.echo("no dead letters")
    if not found["items"]:
        raise typer.Exit(NOTHING_FOUND)


@dlq.command(epilog="Example: sightline dlq show 3f0c… --reveal --output json")
def show(
    letter: Annotated[str, typer.Argument(help="Id of a dead letter.")],
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Show secrets and the bytes, too.")
    ] = False,
    endpoint: Endpoint = LOCAL,
    output: Printed = Output.TABLE,
) -> None:
    """Show one dead letter, decoded as far as it can be."""
    found = Remote(endpoint).get(f"/dead-letters/{letter}", {"reveal": "true" if reveal else ""})
    if output is Output.JSON:
        typer.echo(json.dumps(found, indent=2))
        return
    about = Table(box=None, show_header=False)
    shown = {name: value for name, value in found["letter"].items() if value not in ("", [], None)}
    for name, value in shown.items():
        about.add_row(
            name.replace("_", " "), plain(", ".join(value) if isinstance(value, list) else value)
        )
    for header in found["headers"]:
        about.add_row(plain(f"header {header['name']}"), plain(header["value"]))
    console = Console()
    console.print(about)
    _show_value(console, found)


@dlq.command(epilog="Example: sightline dlq redrive --group 1f2e3d4c5b6a7988 --salvage --dry-run")
def redrive(
    ids: Ids = None,
    group: Group = "",
    topic: Topic = "",
    service: Service = "",
    since: Since = "",
    until: Until = "",
    state: States = None,
    set_: Set = None,
    replace: Replace = None,
    drop: Drop = None,
    scope: Scope = "record",
    clamp_time: ClampTime = False,
    repair_text: RepairText = False,
    salvage: Salvage = False,
    edited: Edited = None,
    rate: Rate = 100,
    dry_run: DryRun = False,
    yes: Yes = False,
    wait: Wait = True,
    key: Key = "",
    endpoint: Endpoint = LOCAL,
    output: Printed = Output.TABLE,
) -> None:
    """Send dead letters again: some by id, a group, a topic, or a range of time; fixed if asked.

    Shows what it would do and asks first. What fails again is parked: it is sent again only by id,
    or with --state parked. Exits with 1 when letters could not be sent, 3 when there are none.
    """
    given = {"set": set_, "replace": replace, "drop": drop}
    flags = {"repair_text": repair_text, "salvage": salvage, "clamp_time": clamp_time}
    body = {
        "selection": selection(ids, group, topic, service, since, until, state),
        "fix": fix(flags, given, scope, edited), "rate": rate, "actor": _actor(),
    }  # fmt: skip
    remote = Remote(endpoint)
    letters = _try_out(remote, body, only=dry_run, output=output)
    if not yes:
        typer.confirm(f"Send {letters} again?", abort=True, err=True)
    _follow(remote, remote.post("/redrives", body, key), wait=wait, output=output)


@dlq.command(epilog='Example: sightline dlq discard --topic otlp_logs --reason "a test, over"')
def discard(
    reason: Annotated[str, typer.Option(help="Why; it is kept.")],
    ids: Ids = None,
    group: Group = "",
    topic: Topic = "",
    service: Service = "",
    since: Since = "",
    until: Until = "",
    state: States = None,
    yes: Yes = False,
    wait: Wait = True,
    key: Key = "",
    endpoint: Endpoint = LOCAL,
    output: Printed = Output.TABLE,
) -> None:
    """Give dead letters up. Their bytes stay in the dead-letter topic until they expire."""
    selected = selection(ids, group, topic, service, since, until, state)
    remote = Remote(endpoint)
    trial = remote.post("/redrives", {"selection": selected, "dry_run": True})
    if not trial["letters"]:
        typer.echo("no dead letters", err=True)
        raise typer.Exit(NOTHING_FOUND)
    if not yes:
        typer.confirm(f"Discard {trial['letters']} dead letters?", abort=True, err=True)
    body = {"selection": selected, "reason": reason, "actor": _actor()}
    asked = remote.post("/dead-letters/discard", body, key)
    _follow(remote, asked, wait=wait, output=output)


@dlq.command(epilog="Example: sightline dlq history --output json")
def history(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Lines at most.")] = 20,
    endpoint: Endpoint = LOCAL,
    output: Printed = Output.TABLE,
) -> None:
    """List who sent again or discarded what, the last first."""
    found = Remote(endpoint).get("/redrives", {"limit": limit})
    if output is Output.JSON:
        typer.echo(json.dumps(found, indent=2))
    else:
        Console().print(_redrives(found["items"]))


def _actor() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


def _follow(remote: Remote, asked: Any, *, wait: bool, output: Output) -> None:
    found = remote.finished(asked["id"]) if wait else asked
    if output is Output.JSON:
        typer.echo(json.dumps(found, indent=2))
    else:
        Console().print(_redrives([found]))
        for problem in found["problems"]:
            Console().print(plain(problem))
    if found["failed"] or found["state"] in ("failed", "cancelled"):
        raise typer.Exit(FAILED)


def _try_out(remote: Remote, body: Any, *, only: bool, output: Output) -> int:
    """Show what a redrive would do; return how many letters it means, or end here if `only`."""
    trial = remote.post("/redrives", body | {"dry_run": True})
    if output is Output.TABLE or only:
        _print_trial(trial, output)
    if not trial["letters"]:
        raise typer.Exit(NOTHING_FOUND)
    if only:
        raise typer.Exit(FAILED if any(one["problem"] for one in trial["trials"]) else 0)
    return int(trial["letters"])


def _print_trial(trial: Any, output: Output) -> None:
    if output is Output.JSON:
        typer.echo(json.dumps(trial, indent=2))
        return
    console = Console()
    where = ", ".join(f"{count} to {topic}" for topic, count in trial["topics"].items())
    least = f", in {trial['seconds']:g} seconds at least" if trial["letters"] else ""
    console.print(plain(f"{trial['letters']} dead letters: {where or 'nothing to send'}{least}"))
    for one in trial["trials"]:
        outcome = one["problem"] or f"{one['size_before']} bytes, {one['size_after']} as sent"
        console.print(plain(f"  {one['id']}  {outcome}"))


def _show_value(console: Console, found: Any) -> None:
    value = found["value"]
    if value is None:
        console.print(plain(f"value: {found['missing']}"))
        return
    for one in value["breaks"]:
        console.print(plain(f"breaks at byte {one['offset']} {one['path']}: {one['reason']}"))
    tree = value["tree"]
    text = json.dumps(tree, indent=2, ensure_ascii=False) if tree is not None else value["text"]
    for line in (text or "").splitlines():
        console.print(plain(line))
    if found["raw"]:
        raw = bytes.fromhex(found["raw"]["hex"])
        for at in range(0, len(raw), 16):
            part = raw[at : at + 16]
            signs = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
            console.print(plain(f"{found['raw']['offset'] + at:08x}  {part.hex(' '):<47}  {signs}"))


def _groups(items: list[Any]) -> Table:
    table = Table("group", "topic", "letters", "parked", "a minute", "oldest", "error", box=None)
    for one in items:
        table.add_row(
            one["fingerprint"], plain(one["topic"]), str(one["letters"]), str(one["parked"]),
            f"{one['per_minute']:g}", one["oldest"][:19],
            plain(f"{one['reason']}: {one['pattern']}"),
        )  # fmt: skip
    return table


def _letters(items: list[Any]) -> Table:
    table = Table("id", "state", "from", "given up", "reason", "preview", box=None)
    for one in items:
        place = f"{one['topic']}-{one['partition']} {one['offset']}"
        table.add_row(
            one["id"], one["state"], plain(place), one["last_seen"][:19], plain(one["reason"]),
            plain(one["preview"]),
        )  # fmt: skip
    return table


def _redrives(items: list[Any]) -> Table:
    table = Table("id", "what", "state", "when", "who", "letters", "done", "failed", box=None)
    for one in items:
        table.add_row(
            one["id"], one["action"], one["state"], one["created"][:19], plain(one["actor"]),
            "" if one["total"] is None else str(one["total"]), str(one["done"]),
            str(one["failed"]),
        )  # fmt: skip
    return table
