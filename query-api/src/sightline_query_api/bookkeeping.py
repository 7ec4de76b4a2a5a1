"""What was set aside and why, and which attributes there are."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel

from sightline_core.wire.names import Signal
from sightline_query_api import cursors
from sightline_query_api.backend import Reading
from sightline_query_api.completeness import AnyProgress, Completeness, assess
from sightline_query_api.cursors import Cursor, Limit
from sightline_query_api.problems import bad_request
from sightline_query_api.shortfalls import Shortfall
from sightline_query_api.times import LATEST, Range, Window, rfc3339

router = APIRouter(tags=["books"])


class QuarantinedRecord(BaseModel):
    """A record that could not be stored as it is; `record` is all of it, as JSON text."""

    time: str
    received: str
    signal: str
    reason: str
    service: str
    name: str
    topic: str
    partition: int
    offset: int
    record: str


class Quarantine(BaseModel):
    """Records in quarantine, the last one first."""

    items: list[QuarantinedRecord]
    next_cursor: str | None
    completeness: Completeness


class AttributeKey(BaseModel):
    """An attribute that some record has; `types` are type letters: s i b d a k x n."""

    key: str
    scope: Literal["resource", "scope", "record"]
    types: str
    count: int


class AttributeKeys(BaseModel):
    """Attribute keys, the most common first."""

    items: list[AttributeKey]
    next_cursor: None
    completeness: Completeness


@router.get("/quarantine")
def quarantine(
    queries: Reading,
    progress: AnyProgress,
    shortfall: Shortfall,
    span: Range,
    limit: Limit = 100,
    cursor: Cursor = None,
    signal: Signal | None = None,
    service: str | None = None,
) -> Quarantine:
    """List the records that were set aside, by when they were received, the last one first."""
    position: list[Any] = cursors.decode(cursor, "quarantine", int, int, int, int)
    start, end, time, seen = position or (span.start, span.end, span.end, 0)
    if not start < end <= LATEST or time > LATEST:
        raise bad_request("cannot use cursor: it holds no range")
    asked = [signal] if signal else list(Signal)
    parameters = {
        "start": start, "end": min(end, time + 1), "limit": limit + 1, "seen": seen,
        "signals": [one.value for one in asked],
        "service": service or "",
    }  # fmt: skip
    of_service = (
        "ServiceName = {service:String}" if service is not None else "{service:String} = ''"
    )
    rows = queries.rows("quarantine", parameters, service=of_service)
    next_cursor = None
    if len(rows) > limit:
        last = rows[limit - 1]["time"]
        again = sum(row["time"] == last for row in rows[:limit])
        next_cursor = cursors.encode(
            "quarantine", start, end, last, again + (seen if last == time else 0)
        )
    return Quarantine(
        items=[_quarantined(row) for row in rows[:limit]],
        next_cursor=next_cursor,
        completeness=assess(
            progress, end=end, lacks=shortfall.of(asked, Window(start, end), service=service)
        ),
    )


@router.get("/attributes")
def attribute_keys(
    queries: Reading,
    progress: AnyProgress,
    shortfall: Shortfall,
    span: Range,
    signal: Signal = Signal.TRACES,
    prefix: Annotated[str, Query(max_length=256)] = "",
    service: str | None = None,
    limit: Limit = 100,
) -> AttributeKeys:
    """List attribute keys that start with `prefix`, for completion; the most common first."""
    condition = "1" if service is None else "ServiceName = {service:String}"
    parameters = span.parameters() | {"signal": signal.value, "prefix": prefix, "limit": limit}
    if service is not None:
        parameters["service"] = service
    rows = queries.rows("attribute_keys", parameters, service=condition)
    return AttributeKeys(
        items=[AttributeKey(**row) for row in rows],
        next_cursor=None,
        completeness=assess(
            progress, end=span.end, lacks=shortfall.of([signal], span, service=service)
        ),
    )


def _quarantined(row: dict[str, Any]) -> QuarantinedRecord:
    time = rfc3339(row.pop("time"))
    return QuarantinedRecord(**row, time=time, received=time)
