"""Search for traces: newest first, page by page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel

from sightline_core.wire.names import Signal
from sightline_query_api import cursors
from sightline_query_api.backend import Queries, Reading
from sightline_query_api.completeness import Completeness, TracesProgress, assess
from sightline_query_api.cursors import Cursor, Limit
from sightline_query_api.problems import bad_request
from sightline_query_api.query_sql import SPANS, Condition
from sightline_query_api.shortfalls import Shortfall
from sightline_query_api.times import LATEST, MINUTE, SECOND, Range, Window

if TYPE_CHECKING:
    from collections.abc import Sequence

router = APIRouter(tags=["traces"])

FIRST_PART: Final = 64
"""A search looks at this part of its range first (one 64th, the newest)…"""
WIDER: Final = 8
"""…and then reaches so many times further back, until it has a page."""
AFTER_EVERY_ID: Final = "g"
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


@dataclass(frozen=True, slots=True)
class _Search:
    """Candidates of a search: traces before a position, each at its earliest matching span."""

    queries: Queries
    filters: TraceFilters
    span: Window
    before: int
    before_id: str

    def newest(self, count: int) -> list[dict[str, Any]]:
        """Return the `count` newest, or all there are, as `trace_id` and `time`.

        Looks at the end of the range first and reaches further back only for want of traces, so
        that a long range costs little.
        """
        last = min(self.span.end, self.before + 1)
        reach = max(MINUTE, (self.span.end - self.span.start) // FIRST_PART)
        while True:
            start = max(self.span.start, last - reach)
            found = self._within(start, last, 2 * count)
            if start > self.span.start:
                found = self._without_earlier(found, start)
            if len(found) >= count or start == self.span.start:
                return found[:count]
            reach *= WIDER

    def _within(self, start: int, last: int, limit: int) -> list[dict[str, Any]]:
        where = self.filters.condition()
        unfailed = self.filters.status == "ok"
        return self.queries.rows(
            "trace_candidates",
            where.parameters
            # A failure later than the position takes a trace out; else later spans do not matter.
            | {"start": start, "end": self.span.end if unfailed else last, "limit": limit}
            | {"before": self.before, "before_id": self.before_id},
            filters=where.sql,
            traces="countIf(StatusCode = 'Error') = 0" if unfailed else "1",
        )

    def _without_earlier(self, found: list[dict[str, Any]], start: int) -> list[dict[str, Any]]:
        """Take out the traces that belong further down, as they matched before `start` too."""
        if not found:
            return found
        trace_ids = [row["trace_id"] for row in found]
        first = self.queries.row("traces_bounds", {"trace_ids": trace_ids})["first"] * SECOND
        if first >= start:
            return found
        where = self.filters.condition()
        bounds = {"start": max(first, self.span.start), "end": start}
        rows = self.queries.rows(
            "trace_earlier",
            where.parameters | bounds | {"trace_ids": trace_ids},
            filters=where.sql,
        )
        earlier = {row["trace_id"] for row in rows}
        return [row for row in found if row["trace_id"] not in earlier]


@router.get("/traces")
def search_traces(
    queries: Reading,
    progress: TracesProgress,
    shortfall: Shortfall,
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
    search = _Search(queries, filters, span, before, before_id)
    rows = search.newest(limit + 1)
    page = rows[:limit]
    next_cursor = None
    if len(rows) > limit:
        last = page[-1]
        next_cursor = cursors.encode("traces", span.start, span.end, last["time"], last["trace_id"])
    return Traces(
        items=_summaries(queries, [row["trace_id"] for row in page]),
        next_cursor=next_cursor,
        completeness=assess(
            progress,
            end=span.end,
            lacks=shortfall.of([Signal.TRACES], span, service=filters.service),
        ),
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
