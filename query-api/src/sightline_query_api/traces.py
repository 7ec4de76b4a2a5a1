"""Search for traces: newest first, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel

from sightline_query_api import cursors
from sightline_query_api.backend import Queries, Reading
from sightline_query_api.completeness import Completeness, Shortcomings, TracesProgress, assess
from sightline_query_api.cursors import Cursor, Limit
from sightline_query_api.problems import bad_request
from sightline_query_api.query_sql import SPANS, Condition
from sightline_query_api.times import LATEST, Range, Window

if TYPE_CHECKING:
    from collections.abc import Sequence

router = APIRouter(tags=["traces"])

AFTER_EVERY_ID = "g"
"""Sorts behind every id, which is hex."""


class ServiceShare(BaseModel):
    """What a service has of a trace."""

    service: str
    spans: int
    errors: int


class TraceSummary(BaseModel):
    """A trace in a list; named after its root, or its earliest span when the root is missing."""

    trace_id: str
    service: str
    name: str
    start_unix_nano: str
    duration_ns: int
    span_count: int
    error_count: int
    services: list[ServiceShare]
    root_missing: bool


class Traces(BaseModel):
    """Traces, newest first."""

    items: list[TraceSummary]
    next_cursor: str | None
    completeness: Completeness


class TraceFilters(BaseModel):
    """What a span must be for its trace to be found; one span must be all of it.

    `status=ok` is about all matching spans of a trace: none of them failed.
    """

    service: str | None = None
    operation: str | None = None
    status: Literal["error", "ok"] | None = None
    min_duration_ns: Annotated[int | None, Query(ge=0, lt=1 << 63)] = None
    max_duration_ns: Annotated[int | None, Query(ge=0, lt=1 << 63)] = None
    q: Annotated[str | None, Query(description="query language")] = None

    def condition(self) -> Condition:
        """Return the condition on spans.

        Raises:
            Problem: `q` cannot be read.
        """
        where = Condition()
        if self.service is not None:
            where.add("ServiceName = {service:String}", service=self.service)
        if self.operation is not None:
            where.add("SpanName = {operation:String}", operation=self.operation)
        if self.status == "error":
            where.add("StatusCode = 'Error'")
        if self.min_duration_ns is not None:
            where.add("Duration >= {min_duration:UInt64}", min_duration=self.min_duration_ns)
        if self.max_duration_ns is not None:
            where.add("Duration <= {max_duration:UInt64}", max_duration=self.max_duration_ns)
        where.search(self.q, SPANS)
        return where


@router.get("/traces")
def search_traces(
    queries: Reading,
    progress: TracesProgress,
    span: Range,
    filters: Annotated[TraceFilters, Query()],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Traces:
    """Find the traces that have a matching span in the range, newest first.

    Newest is by the earliest matching span. A cursor keeps the range of the first page.
    """
    before, before_id = LATEST, AFTER_EVERY_ID
    if position := cursors.decode(cursor, "traces", int, int, int, str):
        start, until, before, before_id = position
        span = _kept(start, until, before)
    where = filters.condition()
    # Earlier pages need no reading, unless a late failure would take a trace out.
    end = span.end if filters.status == "ok" else min(span.end, before + 1)
    rows = queries.rows(
        "trace_candidates",
        where.parameters
        | {"start": span.start, "end": end, "limit": limit + 1}
        | {"before": before, "before_id": before_id},
        filters=where.sql,
        traces="countIf(StatusCode = 'Error') = 0" if filters.status == "ok" else "1",
    )
    page = rows[:limit]
    next_cursor = None
    if len(rows) > limit:
        last = page[-1]
        next_cursor = cursors.encode("traces", span.start, span.end, last["time"], last["trace_id"])
    quarantined = queries.row("quarantined", span.parameters() | {"signal": "traces"})["records"]
    return Traces(
        items=_summaries(queries, [row["trace_id"] for row in page]),
        next_cursor=next_cursor,
        completeness=assess(progress, end=span.end, lacks=Shortcomings(quarantined=quarantined)),
    )


def _kept(start: Any, end: Any, before: int) -> Window:
    if not (start < end <= LATEST and before < LATEST):
        raise bad_request("cannot use cursor: it holds no range")
    return Window(start, end)


def _summaries(queries: Queries, trace_ids: Sequence[str]) -> list[TraceSummary]:
    if not trace_ids:
        return []
    bounds = queries.row("traces_bounds", {"trace_ids": list(trace_ids)})
    rows = queries.rows(
        "trace_summaries",
        {"trace_ids": list(trace_ids), "first": bounds["first"], "last": bounds["last"]},
    )
    found = {row["trace_id"]: row for row in rows}
    # Retention may take a trace between the two statements.
    return [_summary(found[trace_id]) for trace_id in trace_ids if trace_id in found]


def _summary(row: dict[str, Any]) -> TraceSummary:
    service, name = row["named"]
    return TraceSummary(
        trace_id=row["trace_id"],
        service=service,
        name=name,
        start_unix_nano=str(row["start_unix_nano"]),
        duration_ns=row["duration_ns"],
        span_count=row["span_count"],
        error_count=row["error_count"],
        services=[
            ServiceShare(service=name, spans=spans, errors=errors)
            for name, spans, errors in row["services"]
        ],
        root_missing=bool(row["root_missing"]),
    )
