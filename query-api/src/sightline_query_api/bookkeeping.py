"""The books: what was created, what is stored, what was set aside and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from sightline_core.wire.names import Signal
from sightline_query_api import cursors
from sightline_query_api.backend import Reading, Serving
from sightline_query_api.completeness import AnyProgress, Completeness, assess
from sightline_query_api.cursors import Cursor, Limit
from sightline_query_api.problems import bad_request
from sightline_query_api.times import LATEST, Range, rfc3339

router = APIRouter(tags=["books"])

EVERY_SERVICE = ""
"""Rows of this service are about messages that are not taken apart, so of unknown services."""


class LedgerRow(BaseModel):
    """Counts of records: created = all the others together.

    `unexplained` is what is left: above zero, records are missing; below, there are too many.
    `sampled_out` and `dropped` are 0 until something samples or reports drops. The row without a
    service is about whole messages: those in flight and in the dead-letter queue (each counts once,
    as nobody looked into it), and what messages of several services declared beyond what they held.
    `missing_messages` counts gaps in the sequences of the origins, less those.
    """

    service: str
    signal: Literal["traces", "logs", "metrics"]
    created: int
    stored: int
    sampled_out: int
    dropped: int
    quarantined: int
    dead_lettered: int
    in_flight: int
    unexplained: int
    missing_messages: int


class Ledger(BaseModel):
    """One row per service and signal; messages in flight are on the row without a service."""

    items: list[LedgerRow]
    next_cursor: None
    completeness: Completeness


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


@dataclass(frozen=True, slots=True)
class _OnBus:
    """Messages of a signal that are on the bus and not in the store."""

    in_flight: int
    dead_lettered: int


async def _on_bus(backend: Serving) -> dict[str, _OnBus]:
    messages = {}
    for signal in Signal:
        progress = await backend.progress.of(signal)
        letters = await backend.bus.lag(READER_GROUP, signal.dlq_topic)
        messages[signal.value] = _OnBus(
            progress.in_flight_messages, sum(lag.messages for lag in letters)
        )
    return messages


@router.get("/ledger")
def ledger(
    queries: Reading,
    progress: AnyProgress,
    messages: Annotated[dict[str, _OnBus], Depends(_on_bus)],
    span: Range,
) -> Ledger:
    """Return the books of what arrived in the range, and of what is on the way now."""
    found = queries.rows("ledger", span.parameters())
    rows = [_ledger_row(row) for row in found]
    gaps = {row["signal"]: row["gaps"] for row in queries.rows("ledger_gaps", span.parameters())}
    services = {(row.signal, row.service) for row in rows}
    for signal in Signal:
        on_bus = messages[signal.value]
        if (signal.value, EVERY_SERVICE) not in services:
            rows.append(_ledger_row(_NOTHING | {"signal": signal.value, "service": EVERY_SERVICE}))
        row = next(r for r in rows if (r.signal, r.service) == (signal.value, EVERY_SERVICE))
        row.in_flight, row.dead_lettered = on_bus.in_flight, on_bus.dead_lettered
        row.created += on_bus.in_flight + on_bus.dead_lettered
        known = on_bus.in_flight + on_bus.dead_lettered
        row.missing_messages = max(0, gaps.get(signal.value, 0) - known)
    rows.sort(key=lambda row: (row.signal, row.service))
    return Ledger(items=rows, next_cursor=None, completeness=assess(progress, end=span.end))


@router.get("/quarantine")
def quarantine(
    queries: Reading,
    progress: AnyProgress,
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
    parameters = {
        "start": start, "end": min(end, time + 1), "limit": limit + 1, "seen": seen,
        "signals": [signal.value] if signal else [one.value for one in Signal],
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
        completeness=assess(progress, end=end),
    )


@router.get("/attributes")
def attribute_keys(
    queries: Reading,
    progress: AnyProgress,
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
        completeness=assess(progress, end=span.end),
    )


READER_GROUP = "sightline-query-api"
"""Never reads or commits; asking for its lag tells how much a topic holds."""

_NOTHING = {"created": 0, "stored": 0, "quarantined": 0}


def _ledger_row(row: dict[str, Any]) -> LedgerRow:
    return LedgerRow(
        **row,
        sampled_out=0,
        dropped=0,
        dead_lettered=0,
        in_flight=0,
        unexplained=row["created"] - row["stored"] - row["quarantined"],
        missing_messages=0,
    )


def _quarantined(row: dict[str, Any]) -> QuarantinedRecord:
    time = rfc3339(row.pop("time"))
    return QuarantinedRecord(**row, time=time, received=time)
