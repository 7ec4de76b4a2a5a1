"""Options of `sightline dlq`, and what they say in the words of the API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightline_core.errors import ConfigError
from sightline_core.output import Output
from sightline_query_api.terminal import moment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Endpoint = Annotated[str, typer.Option(help="Address of the API.", envvar="SIGHTLINE_API_ENDPOINT")]
Printed = Annotated[Output, typer.Option(help="How to print the result.")]
Ids = Annotated[list[str] | None, typer.Argument(help="Ids of dead letters.")]
Group = Annotated[str, typer.Option(help="All of this error: a fingerprint from `dlq list`.")]
Topic = Annotated[str, typer.Option(help="Only what stood in this topic.")]
Service = Annotated[str, typer.Option(help="Only what holds telemetry of this service.")]
Since = Annotated[str, typer.Option(help="Given up since: 30m, 6h, 2d, or a time (RFC 3339).")]
Until = Annotated[str, typer.Option(help="Given up before: 30m, 6h, 2d ago, or a time.")]
States = Annotated[
    list[str] | None,
    typer.Option("--state", help="dead, parked, redriven or discarded; repeat for several."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Wait = Annotated[bool, typer.Option(help="Wait until it is done.")]
Key = Annotated[str, typer.Option(help="Equal for every try of this request: done once.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", help="name=value: give records the attribute.")
]
Replace = Annotated[
    list[str] | None, typer.Option(help="name=value: change the attribute where it is.")
]
Drop = Annotated[list[str] | None, typer.Option(help="Remove the attribute.")]
Scope = Annotated[str, typer.Option(help="Of these attributes: record or resource.")]
ClampTime = Annotated[
    bool, typer.Option("--clamp-time", help="Move times into the accepted window.")
]
RepairText = Annotated[bool, typer.Option("--repair-text", help="Replace what is not UTF-8.")]
Salvage = Annotated[
    bool, typer.Option("--salvage", help="Send what can be read, give up the rest.")
]
Edited = Annotated[Path | None, typer.Option(help="JSON file to send in place of the one letter.")]
Rate = Annotated[float, typer.Option(help="Messages a second at most.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what it would do.")]


def selection(
    ids: list[str] | None,
    group: str,
    topic: str,
    service: str,
    since: str,
    until: str,
    states: list[str] | None,
) -> dict[str, Any]:
    """Return what the options select, as the API takes it.

    Raises:
        ConfigError: `since` or `until` is no time.
    """
    given = {
        "ids": ids, "fingerprint": group, "topic": topic, "service": service,
        "start": _nanoseconds(since), "end": _nanoseconds(until), "states": states,
    }  # fmt: skip
    return {name: value for name, value in given.items() if value}


def fix(
    flags: Mapping[str, bool],
    attributes: Mapping[str, Sequence[str] | None],
    scope: str,
    edited: Path | None,
) -> dict[str, Any]:
    """Return the fix that the options ask for, as the API takes it.

    Steps run in one order however they were given: what mends a message comes before what needs
    it whole, times come last. `attributes`: what `set`, `replace` and `drop` were given.

    Raises:
        ConfigError: a pair without `=`, or a file that is not JSON.
    """
    steps: list[dict[str, Any]] = [{"op": op} for op in ("repair_text", "salvage") if flags[op]]
    for op in ("set", "replace"):
        steps += [{"op": op, "scope": scope, **_pair(one)} for one in attributes[op] or ()]
    steps += [
        {"op": "drop", "scope": scope, "attribute": name} for name in attributes["drop"] or ()
    ]
    steps += [{"op": "clamp_time"}] if flags["clamp_time"] else []
    return {"steps": steps} | ({"edited": _json_file(edited)} if edited is not None else {})


def _nanoseconds(text: str) -> int | None:
    from sightline_query_api.times import parse_time  # noqa: PLC0415 - brings FastAPI along

    try:
        return parse_time(moment(text)) if text else None
    except (ValueError, OverflowError) as error:
        raise ConfigError(
            f"cannot use the time {text!r}: it {error}, nor like 30m, 6h, 2d"
        ) from None


def _pair(text: str) -> dict[str, Any]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise ConfigError(f"cannot use {text!r}: it must be name=value")
    try:
        scalar = json.loads(value)
    except ValueError:
        scalar = value
    return {"attribute": name, "value": value if isinstance(scalar, (dict, list)) else scalar}


def _json_file(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot use {path}: {error}") from None
