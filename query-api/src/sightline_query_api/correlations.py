"""Everything that belongs to one id, over all services, signals and traces, in order of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel

from sightline_core.wire.names import Signal
from sightline_query_api import cursors
from sightline_query_api.backend import Queries, Reading
from sightline_query_api.completeness import (
    Completeness,
    Shortcomings,
    TracesAndLogsProgress,
    assess,
)
from sightline_query_api.cursors import Cursor, Limit
from sightline_query_api.problems import bad_request, not_found
from sightline_query_api.shortfalls import Shortfall
from sightline_query_api.times import LATEST, SECOND, Window, rfc3339
from sightline_query_api.typed_attributes import body_text, typed

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_TRACES: Final = 500
MAX_ID_LENGTH: Final = 1024

router = APIRouter(tags=["correlations"])


class CorrelatedService(BaseModel):
    """What a service has of it; errors are failed spans, error logs those of severity error up."""

    service: str
    spans: int
    logs: int
    errors: int
    error_logs: int
    dead_letters: int


class CorrelatedItem(BaseModel):
    """A span, a log record or a dead letter; fields of the other kinds are absent.

    A dead letter is a message that could not be stored: `body` is why, its attributes say which.
    """

    kind: Literal["span", "log", "dead_letter"]
    time: str
    time_unix_nano: str
    service: str
    trace_id: str
    span_id: str
    attributes: dict[str, Any]
    name: str | None = None
    parent_span_id: str | None = None
    span_kind: str | None = None
    status: str | None = None
    duration_ns: int | None = None
    body: str | None = None
    body_structured: bool | None = None
    severity: str | None = None


class Correlation(BaseModel):
    """What was found for an id; totals are of everything, `items` of this page."""

    id: str
    matched: Literal["correlation_id", "trace_id", "both"]
    start_unix_nano: str
    end_unix_nano: str
    duration_ns: int
    span_count: int
    log_count: int
    error_count: int
    error_log_count: int
    dead_letter_count: int
    trace_ids: list[str]
    services: list[CorrelatedService]
    items: list[CorrelatedItem]
    next_cursor: str | None
    completeness: Completeness


@dataclass(frozen=True, slots=True)
class _Found:
    """Where the records of an id are.

    Attributes:
        spans, trace_logs, other_logs: from and to, in unix nanoseconds; 0 to 0 if there are none.
    """

    matched: Literal["correlation_id", "trace_id", "both"]
    trace_ids: Sequence[str]
    more_traces: bool
    spans: tuple[int, int]
    trace_logs: tuple[int, int]
    other_logs: tuple[int, int]


@router.get("/correlations/{correlation_id:path}", response_model_exclude_unset=True)
def get_correlation(
    correlation_id: str,
    queries: Reading,
    progress: TracesAndLogsProgress,
    shortfall: Shortfall,
    limit: Limit = 500,
    cursor: Cursor = None,
) -> Correlation:
    """Return all spans and log records that carry an id, and those of the traces they belong to.

    The id is a value of the attribute `correlation.id`, or a trace id. It needs no time range.
    """
    if len(correlation_id) > MAX_ID_LENGTH:
        raise bad_request(f"cannot use id: it is longer than {MAX_ID_LENGTH} characters")
    position: list[Any] = cursors.decode(cursor, "correlation", int, str, int, int)
    if position and position[0] > LATEST:
        raise bad_request("cannot use cursor: it holds no time")
    found = _find(queries, correlation_id)
    parameters = _parameters(found, correlation_id)
    totals = queries.rows("correlation_totals", parameters, **_CLAUSES)
    if not totals:
        raise not_found(f"cannot find anything for {correlation_id!r}: it has expired")
    time, kind, mark, seen = position or (0, "", 0, 0)
    after = {"after_time": time, "after_kind": kind, "after_hash": mark, "seen": seen}
    rows = queries.rows("correlation_items", parameters | after | {"limit": limit + 1}, **_CLAUSES)
    start, end = min(row["begin"] for row in totals), max(row["finish"] for row in totals)
    lacks = shortfall.of(
        (Signal.TRACES, Signal.LOGS),
        Window(start, end + 5 * SECOND),
        lacks=Shortcomings(
            truncated=f"only the first {MAX_TRACES} traces of this id" if found.more_traces else ""
        ),
    )
    return Correlation(
        id=correlation_id,
        matched=found.matched,
        start_unix_nano=str(start),
        end_unix_nano=str(end),
        duration_ns=end - start,
        span_count=sum(row["spans"] for row in totals),
        log_count=sum(row["logs"] for row in totals),
        error_count=sum(row["errors"] for row in totals),
        error_log_count=sum(row["error_logs"] for row in totals),
        dead_letter_count=sum(row["dead_letters"] for row in totals),
        trace_ids=list(found.trace_ids),
        services=[
            CorrelatedService(**{name: row[name] for name in CorrelatedService.model_fields})
            for row in totals
        ],
        items=[_item(row) for row in rows[:limit]],
        next_cursor=_next_cursor(rows[:limit], position) if len(rows) > limit else None,
        completeness=assess(progress, end=end + 5 * SECOND, lacks=lacks, tolerance=0),
    )


def _find(queries: Queries, correlation_id: str) -> _Found:
    rows = queries.rows("correlation", {"id": correlation_id, "limit": MAX_TRACES + 1})
    as_trace = correlation_id.lower()
    own = queries.row("traces_bounds", {"trace_ids": [as_trace]})
    trace_ids = [row["trace_id"] for row in rows[:MAX_TRACES] if row["trace_id"]]
    # Log records are listed under their trace's id too, so only other rows show a correlation id.
    carried = any(row["trace_id"] != correlation_id or row["spans"] for row in rows)
    is_trace = bool(own["found"]) or any(row["trace_id"] == correlation_id for row in rows)
    if not (carried or is_trace):
        letters = queries.row(
            "correlation_dead_letters", {"id": correlation_id, "trace_id": as_trace}
        )
        carried, is_trace = bool(letters["carrying"]), bool(letters["of_trace"])
    if is_trace and as_trace not in trace_ids:
        trace_ids.insert(0, as_trace)
    if not (carried or is_trace):
        raise not_found(
            f"cannot find anything for {correlation_id!r}: no span or log record has it as "
            "correlation.id, no dead letter either, and there is no such trace"
        )
    bounds = queries.row("traces_bounds", {"trace_ids": trace_ids})
    logs = queries.row("correlation_bounds", {"trace_ids": trace_ids})
    others = [row for row in rows if not row["trace_id"]]
    return _Found(
        matched="both" if carried and is_trace else "trace_id" if is_trace else "correlation_id",
        trace_ids=trace_ids,
        more_traces=len(rows) > MAX_TRACES,
        spans=(bounds["first"] * SECOND, (bounds["last"] + 1) * SECOND)
        if bounds["found"]
        else (0, 0),
        trace_logs=(logs["first"], logs["last"] + 1) if logs["logs"] else (0, 0),
        other_logs=(others[0]["first"], others[0]["last"] + 1) if others else (0, 0),
    )


def _between(name: str) -> str:
    return (
        f"Timestamp >= fromUnixTimestamp64Nano({{{name}_from:Int64}})"
        f" AND Timestamp < fromUnixTimestamp64Nano({{{name}_to:Int64}})"
    )


_OF_TRACES: Final = "TraceId IN {trace_ids:Array(String)}"
# Through the map, because its values have an index and the column has none.
_CARRYING: Final = "LogAttributes['correlation.id'] = {id:String}"
_SOURCES: Final = {
    "spans": f"{_OF_TRACES} AND {_between('spans')}",
    "trace_logs": f"{_OF_TRACES} AND {_between('trace_logs')}",
    "other_logs": f"TraceId = '' AND {_CARRYING} AND {_between('other_logs')}",
}
_LETTERS: Final = (
    "(hasAny(TraceIds, {trace_ids:Array(String)}) OR has(CorrelationIds, {id:String}))"
)
_CLAUSES: Final = _SOURCES | {"dead_letters": _LETTERS}


def _parameters(found: _Found, correlation_id: str) -> dict[str, Any]:
    parameters: dict[str, Any] = {"id": correlation_id, "trace_ids": list(found.trace_ids)}
    for name in _SOURCES:
        parameters[f"{name}_from"], parameters[f"{name}_to"] = getattr(found, name)
    return parameters


def _item(row: dict[str, Any]) -> CorrelatedItem:
    own: dict[str, Any]
    if row["kind"] == "span":
        own = {"name": row["text"]} | {
            name: row[name] for name in ("parent_span_id", "span_kind", "status", "duration_ns")
        }
    elif row["kind"] == "dead_letter":
        own = {"body": row["text"]}
    else:
        own = {"body": body_text(row["text"], row["body_type"]), "severity": row["severity"]}
        own["body_structured"] = row["body_type"] in ("a", "k")
    return CorrelatedItem(
        **{name: row[name] for name in ("kind", "service", "trace_id", "span_id")},
        time=rfc3339(row["time"]),
        time_unix_nano=str(row["time"]),
        attributes=typed(row["keys"], row["values"], row["types"]),
        **own,
    )


def _next_cursor(rows: Sequence[dict[str, Any]], position: Sequence[Any]) -> str:
    """Return the cursor behind the last row; equal rows are told apart by counting them."""
    last = rows[-1]
    key = (last["time"], last["kind"], last["hash"])
    seen = position[3] if position and tuple(position[:3]) == key else 0
    seen += sum((row["time"], row["kind"], row["hash"]) == key for row in rows)
    return cursors.encode("correlation", *key, seen)
