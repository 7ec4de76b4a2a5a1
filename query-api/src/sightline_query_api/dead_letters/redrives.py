"""Sending dead letters again, discarding them, and the record of who asked for what.

The API asks, a worker beside the pipeline does: commands travel over the bus, so that they survive
either of the two and are carried out in order, by one worker, each once.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Header, Path, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool

from sightline_core.bus.protocol import Message, TopicPartition
from sightline_core.dead_letters.command import Command, Selection, Text, condition
from sightline_core.dead_letters.content import read_content
from sightline_core.dead_letters.fix import CannotFix, Fix, apply_fix
from sightline_core.dead_letters.letter import read_letter, sources
from sightline_core.errors import MessageTooLarge, OffsetOutOfRange
from sightline_core.wire.names import DEAD_LETTER_COMMANDS, DEAD_LETTER_DESK_GROUP
from sightline_query_api import cursors
from sightline_query_api.backend import Backend, Serving
from sightline_query_api.completeness import AnyProgress, assess
from sightline_query_api.cursors import Cursor, Limit
from sightline_query_api.dead_letters.detail import held_record, summary
from sightline_query_api.dead_letters.guard import GuardedRoute
from sightline_query_api.dead_letters.listing import selected
from sightline_query_api.dead_letters.models import DeadLetter, DryRun, Redrive, Redrives, Trial
from sightline_query_api.problems import Problem, bad_request, not_found
from sightline_query_api.times import LATEST, rfc3339

router = APIRouter(tags=["dead letters"], route_class=GuardedRoute)

TRIALS: Final = 10
MOST_WAITING: Final = 1000
RedriveId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        max_length=200,
        description="equal for every try of one request, which is carried out once",
    ),
]


class RedriveRequest(BaseModel):
    """What to send again and how; `actor` is who asks, for the record."""

    model_config = ConfigDict(extra="forbid")

    selection: Selection
    fix: Fix = Fix()
    rate: float = Field(100, gt=0, le=10_000, description="messages a second at most")
    dry_run: bool = False
    reason: Text = ""
    actor: Text = ""


class DiscardRequest(BaseModel):
    """What to give up, and why; the bytes stay in the dead-letter topic until they expire."""

    model_config = ConfigDict(extra="forbid")

    selection: Selection
    reason: Text
    actor: Text = ""


class CancelRequest(BaseModel):
    """Nothing to say."""

    model_config = ConfigDict(extra="forbid")


@router.post("/redrives", responses={202: {"model": Redrive}}, response_model=DryRun)
async def start_redrive(
    asked: RedriveRequest,
    request: Request,
    backend: Serving,
    idempotency_key: IdempotencyKey = None,
) -> DryRun | JSONResponse:
    """Send dead letters again, or with `dry_run` say what that would do."""
    command = _command("redrive", asked, request, idempotency_key)
    if asked.dry_run:
        return await _dry_run(backend, command)
    return await _submit(backend, command)


@router.post("/dead-letters/discard", status_code=202)
async def discard(
    asked: DiscardRequest,
    request: Request,
    backend: Serving,
    idempotency_key: IdempotencyKey = None,
) -> Redrive:
    """Give dead letters up, with a reason; they can still be sent again by their ids."""
    command = _command("discard", asked, request, idempotency_key)
    return await _submit(backend, command)  # type: ignore[return-value] # it is that, as JSON


@router.post("/redrives/{redrive_id}/cancel", status_code=202)
async def cancel_redrive(
    redrive_id: RedriveId, _: CancelRequest, request: Request, backend: Serving
) -> Redrive:
    """End a redrive after the messages under way; what is sent stays sent."""
    found = await _find(backend, redrive_id)
    command = Command(
        id=redrive_id, action="cancel", created_at=time.time_ns(), address=_address(request)
    )
    await backend.bus.send(DEAD_LETTER_COMMANDS, Message(command.model_dump_json().encode()))
    return found


@router.get("/redrives")
async def redrives(
    backend: Serving, progress: AnyProgress, limit: Limit = 100, cursor: Cursor = None
) -> Redrives:
    """List redrives and discards, the last first."""
    moment, mark = cursors.decode(cursor, "redrives", int, str) or (LATEST, "")
    rows = await run_in_threadpool(_stored, backend, "", (min(moment, LATEST), mark), limit + 1)
    last = rows[limit - 1] if len(rows) > limit else None
    items = [_redrive(row) for row in rows[:limit]]
    if not cursor:
        known = {item.id for item in items}
        waiting = [_waiting(command) for command in await _queued(backend)]
        items = [*(one for one in reversed(waiting) if one.id not in known), *items]
    return Redrives(
        items=items,
        next_cursor=last and cursors.encode("redrives", last["created"], last["id"]),
        completeness=assess(progress, end=time.time_ns()),
    )


@router.get("/redrives/{redrive_id}")
async def get_redrive(redrive_id: RedriveId, backend: Serving) -> Redrive:
    """Return a redrive or discard with its progress."""
    return await _find(backend, redrive_id)


def _command(
    action: Literal["redrive", "discard"],
    asked: RedriveRequest | DiscardRequest,
    request: Request,
    key: str | None,
) -> Command:
    given = hashlib.sha256(f"redrive\0{key}".encode()).hexdigest()[:32] if key else uuid.uuid4().hex
    more = {"fix": asked.fix, "rate": asked.rate} if isinstance(asked, RedriveRequest) else {}
    try:
        return Command(
            id=given,
            action=action,
            actor=asked.actor,
            address=_address(request),
            created_at=time.time_ns(),
            selection=asked.selection,
            reason=asked.reason,
            **more,
        )
    except ValidationError as error:
        raise bad_request(
            f"cannot {action}: {'; '.join(one['msg'] for one in error.errors())}"
        ) from None


def _address(request: Request) -> str:
    return request.client.host[:100] if request.client else ""


async def _submit(backend: Backend, command: Command) -> JSONResponse:
    """Hand a command over; one that was handed over before is only looked up."""
    known = await _known(backend, command.id)
    if known is not None:
        if (known.action, known.request) != (command.action, _asked(command)):
            raise Problem(
                422,
                "idempotency-key-reused",
                f"cannot {command.action}: this Idempotency-Key belongs to another request, "
                f"/api/v1/redrives/{command.id}; use a new one",
            )
        return JSONResponse(known.model_dump(), status_code=202)
    try:
        await backend.bus.send(DEAD_LETTER_COMMANDS, Message(command.model_dump_json().encode()))
    except MessageTooLarge as error:
        raise Problem(413, "too-large", f"cannot {command.action}: {error}") from None
    return JSONResponse(_waiting(command).model_dump(), status_code=202)


async def _find(backend: Backend, redrive_id: str) -> Redrive:
    found = await _known(backend, redrive_id)
    if found is None:
        raise not_found(f"cannot find redrive {redrive_id}: there is none")
    return found


async def _known(backend: Backend, redrive_id: str) -> Redrive | None:
    # In this order: what begins in between is in the store by then.
    queued = [_waiting(one) for one in await _queued(backend) if one.id == redrive_id]
    rows = await run_in_threadpool(_stored, backend, redrive_id, (LATEST, ""), 1)
    return _redrive(rows[0]) if rows else next(iter(queued), None)


def _stored(
    backend: Backend, redrive_id: str, before: tuple[int, str], limit: int
) -> list[dict[str, Any]]:
    moment, mark = before
    return backend.queries.rows(
        "redrives",
        {"id": redrive_id, "before_time": moment, "before_id": mark, "limit": limit},
    )


async def _queued(backend: Backend) -> list[Command]:
    """Return the commands that no worker has finished, in their order."""
    commands = []
    for lag in await backend.bus.lag(DEAD_LETTER_DESK_GROUP, DEAD_LETTER_COMMANDS):
        first, last = lag.committed, min(lag.end, lag.committed + MOST_WAITING) - 1
        if first > last:
            continue
        try:
            records = await backend.bus.read(TopicPartition(lag.topic, lag.partition), first, last)
        except OffsetOutOfRange:
            continue  # they were done, and removed, while this was asked
        for record in records:
            try:
                command = Command.model_validate_json(record.value)
            except ValidationError:
                continue
            if command.action != "cancel":
                commands.append(command)
    return commands


def _redrive(row: dict[str, Any]) -> Redrive:
    times = {"created": rfc3339(row["created"]), "updated": rfc3339(row["updated"])}
    return Redrive(**row | times | {"request": json.loads(row["request"])})


def _waiting(command: Command) -> Redrive:
    assert command.action != "cancel"
    created = rfc3339(command.created_at)
    return Redrive(
        id=command.id, action=command.action, state="waiting", created=created, updated=created,
        actor=command.actor, address=command.address, request=_asked(command), total=None,
        done=0, failed=0, problems=[],
    )  # fmt: skip


def _asked(command: Command) -> dict[str, Any]:
    """Return what was asked for as the worker stores it."""
    return command.model_dump(
        mode="json", include={"selection", "fix", "rate", "reason"}, exclude_none=True
    )


async def _dry_run(backend: Backend, command: Command) -> DryRun:
    assert command.selection is not None
    parameters = command.selection.parameters()
    parameters["end"] = min(parameters["end"], command.created_at)
    counts = await run_in_threadpool(
        backend.queries.rows, "dead_letter_counts", parameters, selection=condition()
    )
    letters = await run_in_threadpool(
        selected, backend.queries, command.selection, command.created_at, TRIALS
    )
    total = sum(row["letters"] for row in counts)
    return DryRun(
        letters=total,
        bytes=sum(row["bytes"] for row in counts),
        topics={row["topic"]: row["letters"] for row in counts},
        trials=[await _trial(backend, command.fix, letter) for letter in letters],
        seconds=round(total / command.rate, 3),
    )


async def _trial(backend: Backend, fix: Fix, letter: DeadLetter) -> Trial:
    failed = Trial(
        id=letter.id, problem="", size_before=letter.size, size_after=None, records=None, after=None
    )
    source = sources(backend.settings.dead_letter_topics).get(letter.dlq_topic)
    if source is None:
        why = f"{letter.dlq_topic} is not in dead_letter_topics: it can be read, not sent again"
        return failed.model_copy(update={"problem": why})
    record, missing = await held_record(backend, letter)
    if record is None:
        return failed.model_copy(update={"problem": missing})
    try:
        fixed = await run_in_threadpool(apply_fix, fix, read_letter(record, source), record.value)
    except CannotFix as error:
        return failed.model_copy(update={"problem": str(error)})
    content = await run_in_threadpool(read_content, source, fixed.value)
    return Trial(
        id=letter.id, problem="", size_before=letter.size, size_after=len(fixed.value),
        records=fixed.records, after=summary(content.tree),
    )  # fmt: skip
