"""Dead letters, one by one and by error."""

from __future__ import annotations

import time
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query

from sightline_core.dead_letters.command import LAST, Selection, State, condition
from sightline_core.dead_letters.letter import sources
from sightline_query_api import cursors
from sightline_query_api.backend import Reading, Serving, statement
from sightline_query_api.completeness import AnyProgress, assess
from sightline_query_api.cursors import Cursor, Limit
from sightline_query_api.dead_letters.models import (
    MILLISECOND,
    DeadLetter,
    DeadLetterGroup,
    DeadLetterGroups,
    DeadLetters,
    dead_letter,
)
from sightline_query_api.problems import bad_request
from sightline_query_api.times import LATEST, SECOND, parse_time, rfc3339

router = APIRouter(tags=["dead letters"])

OPEN: Final[tuple[State, ...]] = ("dead", "parked")
_ANYTHING: Final = {
    "ids": [], "fingerprint": "", "topic": "", "service": "", "reason": "", "start": 0, "end": LAST,
}  # fmt: skip


def _filter(
    states: Annotated[
        list[State] | None, Query(alias="state", description="default: dead and parked")
    ] = None,
    topic: Annotated[str, Query(max_length=249, description="where it stood")] = "",
    fingerprint: Annotated[str, Query(max_length=64, description="of an error")] = "",
    reason: Annotated[str, Query(max_length=200)] = "",
    service: Annotated[str, Query(max_length=200)] = "",
    q: Annotated[str, Query(max_length=200, description="part of the error or the preview")] = "",
    start: Annotated[str | None, Query(description="given up last from here on")] = None,
    end: Annotated[str | None, Query(description="and before this; default: ever")] = None,
) -> dict[str, Any]:
    """Return what the SQL files bind; dead letters of any age are listed unless asked otherwise."""
    return _ANYTHING | {
        "states": list(states or OPEN), "topic": topic, "fingerprint": fingerprint,
        "reason": reason, "service": service, "q": q,
        "start": _time("start", start, 0), "end": _time("end", end, LAST),
    }  # fmt: skip


Filter = Annotated[dict[str, Any], Depends(_filter)]


@router.get("/dead-letters")
def dead_letters(
    queries: Reading,
    progress: AnyProgress,
    wanted: Filter,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> DeadLetters:
    """List dead letters, those given up last first, of any time unless a range is asked for."""
    rows = queries.rows(
        "dead_letters",
        wanted | _before(cursor, "dead-letters") | {"limit": limit + 1},
        selection=condition(),
        columns=columns(),
    )
    last = rows[limit - 1] if len(rows) > limit else None
    return DeadLetters(
        items=[dead_letter(row) for row in rows[:limit]],
        next_cursor=last and cursors.encode("dead-letters", last["last_seen"], last["id"]),
        completeness=assess(progress, end=min(wanted["end"], time.time_ns())),
    )


@router.get("/dead-letters/groups")
def dead_letter_groups(
    backend: Serving,
    queries: Reading,
    progress: AnyProgress,
    wanted: Filter,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> DeadLetterGroups:
    """List dead letters by error, the one seen last first."""
    rows = queries.rows(
        "dead_letter_groups",
        wanted | _before(cursor, "dead-letter-groups") | {"limit": limit + 1},
        selection=condition(),
    )
    last = rows[limit - 1] if len(rows) > limit else None
    watched = sources(backend.settings.dead_letter_topics)
    return DeadLetterGroups(
        items=[_group(row) for row in rows[:limit]],
        next_cursor=last
        and cursors.encode("dead-letter-groups", last["newest"], last["fingerprint"]),
        topics={name: source.target for name, source in sorted(watched.items())},
        completeness=assess(progress, end=min(wanted["end"], time.time_ns())),
    )


def selected(queries: Reading, selection: Selection, asked: int, limit: int) -> list[DeadLetter]:
    """Return the first letters that a selection means, `asked` being the time of the request."""
    parameters = selection.parameters()
    parameters["end"] = min(parameters["end"], asked)
    rows = queries.rows(
        "dead_letters",
        parameters | _before(None, "") | {"limit": limit, "q": ""},
        selection=condition(),
        columns=columns(),
    )
    return [dead_letter(row) for row in rows]


def columns() -> str:
    """Return the columns that `DeadLetter` is made of."""
    return statement("dead_letter_columns").strip()


def _before(cursor: str | None, listing: str) -> dict[str, Any]:
    moment, mark = cursors.decode(cursor, listing, int, str) or (LATEST, "")
    if moment > LATEST:
        raise bad_request("cannot use cursor: it holds no time")
    return {"before_time": moment, "before_id": mark}


def _group(row: dict[str, Any]) -> DeadLetterGroup:
    age = (time.time_ns() - row["oldest"]) / SECOND
    times = {"oldest": rfc3339(row["oldest"]), "newest": rfc3339(row["newest"] * MILLISECOND)}
    return DeadLetterGroup(**row | times, oldest_age_seconds=round(max(0.0, age), 3))


def _time(name: str, text: str | None, default: int) -> int:
    try:
        return parse_time(text) if text else default
    except (ValueError, OverflowError) as error:
        raise bad_request(f"cannot use {name}={text!r:.60}: it {error}") from None
