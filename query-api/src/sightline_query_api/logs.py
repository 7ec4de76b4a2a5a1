"""Log records: search, page by page, and their number over time."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from sightline_core.wire.names import Signal
from sightline_query_api import cursors
from sightline_query_api.backend import Queries, Reading
from sightline_query_api.completeness import Completeness, LogsProgress, assess
from sightline_query_api.cursors import Cursor, Limit
from sightline_query_api.problems import bad_request
from sightline_query_api.query_sql import LOGS, SEVERITIES, Condition, at_least
from sightline_query_api.shortfalls import Shortfall
from sightline_query_api.times import (
    LATEST,
    MINUTE,
    SECOND,
    Range,
    Window,
    rfc3339,
    step_seconds,
)
from sightline_query_api.trace import parse_span_id, parse_trace_id
from sightline_query_api.typed_attributes import body_text, typed

router = APIRouter(tags=["logs"])

HISTOGRAM_BUCKETS: Final = 60
LAST_MINUTE: Final = (1 << 32) // 60 * 60 - 60
"""Roll-ups end in 2106, as their times have 32 bits."""
Severity = Literal["trace", "debug", "info", "warn", "error", "fatal"]


class LogRecord(BaseModel):
    """A log record; `body` is JSON text when it was structured."""

    id: str
    time: str
    time_unix_nano: str
    observed_time_unix_nano: str
    service: str
    severity: str
    severity_text: str
    severity_number: int
    body: str
    body_structured: bool
    event_name: str
    trace_id: str
    span_id: str
    correlation_id: str
    attributes: dict[str, Any]
    resource: dict[str, Any]
    scope_name: str
    flags: int


class Logs(BaseModel):
    """Log records in the asked order."""

    items: list[LogRecord]
    next_cursor: str | None
    completeness: Completeness


class Bucket(BaseModel):
    """Log records from `time` for `step_seconds`, by severity."""

    time: str
    total: int
    trace: int
    debug: int
    info: int
    warn: int
    error: int
    fatal: int
    unspecified: int


class Histogram(BaseModel):
    """A bucket per step, also for steps without records."""

    step_seconds: int
    items: list[Bucket]
    total: int
    completeness: Completeness


class LogFilters(BaseModel):
    """Which records; all of it must hold. `severity` is the lowest that is wanted."""

    q: Annotated[str | None, Query(description="query language")] = None
    service: str | None = None
    severity: Severity | None = None
    trace_id: str | None = None
    span_id: str | None = None

    def condition(self) -> Condition:
        """Return the condition on log records.

        Raises:
            Problem: an id or `q` cannot be read.
        """
        where = self.rolled()
        if self.trace_id:
            where.add("TraceId = {trace_id:String}", trace_id=parse_trace_id(self.trace_id))
        if self.span_id:
            where.add("SpanId = {span_id:String}", span_id=parse_span_id(self.span_id))
        where.search(self.q, LOGS)
        return where

    def rolled(self) -> Condition:
        """Return the part of the condition that the roll-up can answer."""
        where = Condition()
        if self.service is not None:
            where.add("ServiceName = {service:String}", service=self.service)
        if self.severity:
            where.add("Severity IN {severities:Array(String)}", severities=at_least(self.severity))
        return where

    @property
    def needs_records(self) -> bool:
        """Whether the roll-up cannot answer it."""
        return bool(self.trace_id or self.span_id or (self.q and self.q.strip()))


Filters = Annotated[LogFilters, Query()]


def _given_range(start: str | None = None, end: str | None = None) -> bool:
    return bool(start or end)


RangeGiven = Annotated[bool, Depends(_given_range)]


@router.get("/logs")
def search_logs(
    queries: Reading,
    progress: LogsProgress,
    shortfall: Shortfall,
    filters: Filters,
    span: Range,
    ranged: RangeGiven,
    limit: Limit = 100,
    cursor: Cursor = None,
    order: Literal["desc", "asc"] = "desc",
) -> Logs:
    """Find log records in the range, or of a trace at any time; newest first unless told otherwise.

    A cursor keeps the range of the first page.
    """
    position: list[Any] = cursors.decode(cursor, f"logs-{order}", int, int, int, int, int)
    if position:
        span = _kept(*position[:3])
    elif filters.trace_id and not ranged:
        span = _trace_range(queries, parse_trace_id(filters.trace_id)) or span
    where = filters.condition()
    rows = _page(queries, where, span, position[2:], limit=limit, order=order)
    items = _records(rows[:limit], position)
    next_cursor = None
    if len(rows) > limit:
        last = rows[limit - 1]
        seen = _same(rows[:limit], last, position)
        next_cursor = cursors.encode(
            f"logs-{order}", span.start, span.end, last["time"], last["hash"], seen
        )
    return Logs(
        items=items,
        next_cursor=next_cursor,
        completeness=assess(
            progress, end=span.end, lacks=shortfall.of([Signal.LOGS], span, service=filters.service)
        ),
    )


@router.get("/logs/histogram")
def log_histogram(
    queries: Reading,
    progress: LogsProgress,
    shortfall: Shortfall,
    filters: Filters,
    span: Range,
    ranged: RangeGiven,
) -> Histogram:
    """Count the log records that `/logs` would find with the same filters, over time."""
    if filters.trace_id and not ranged:
        span = _trace_range(queries, parse_trace_id(filters.trace_id)) or span
    step = step_seconds(span, most=HISTOGRAM_BUCKETS)
    counts = _counts(queries, filters, span, step)
    first = span.start // SECOND // step * step
    items = [
        _bucket(time, counts.get(time, Counter()))
        for time in range(first, -(-span.end // SECOND), step)
    ]
    return Histogram(
        step_seconds=step,
        items=items,
        total=sum(item.total for item in items),
        completeness=assess(
            progress, end=span.end, lacks=shortfall.of([Signal.LOGS], span, service=filters.service)
        ),
    )


def _page(
    queries: Queries, where: Condition, span: Window, position: list[int], *, limit: int, order: str
) -> list[dict[str, Any]]:
    """Return up to `limit` + 1 records behind the position.

    First the times alone tell how far the page reaches, then all columns are read for that part.
    """
    time, mark, seen = position or (None, 0, 0)
    newest_first = order == "desc"
    rest = span
    if time is not None:
        rest = Window(span.start, time + 1) if newest_first else Window(time, span.end)
    # Records of the cursor's own instant may be done with: the edge is looked for behind it.
    behind = rest
    if time is not None:
        behind = Window(rest.start, time) if newest_first else Window(time + 1, rest.end)
    edge = queries.rows(
        "logs_edge", where.parameters | behind.parameters() | {"limit": limit},
        filters=where.sql, order=order,
    )  # fmt: skip
    if edge:
        reach = edge[0]["time"]
        rest = Window(reach, rest.end) if newest_first else Window(rest.start, reach + 1)
    parameters = where.parameters | rest.parameters() | {"limit": limit + 1, "seen": seen}
    after = "1"
    if time is not None:
        parameters |= {"after_time": time, "after_hash": mark}
        comparison = "<=" if newest_first else ">="
        after = (
            f"(toUnixTimestamp64Nano(Timestamp), hash) {comparison}"
            " ({after_time:Int64}, {after_hash:UInt64})"
        )
    return queries.rows("logs", parameters, filters=where.sql, after=after, order=order)


def _records(rows: list[dict[str, Any]], position: list[int]) -> list[LogRecord]:
    twins: Counter[tuple[int, int]] = Counter()
    if position:
        twins[position[2], position[3]] = position[4]
    records = []
    for row in rows:
        key = row["time"], row["hash"]
        records.append(_record(row, twin=twins[key]))
        twins[key] += 1
    return records


def _same(rows: list[dict[str, Any]], last: dict[str, Any], position: list[int]) -> int:
    """Return how many records that cannot be told from `last` were returned, ever."""
    key = last["time"], last["hash"]
    before = position[4] if position and (position[2], position[3]) == key else 0
    return before + sum((row["time"], row["hash"]) == key for row in rows)


def _record(row: dict[str, Any], *, twin: int) -> LogRecord:
    name = f"{row['time']}-{row['hash']:016x}"
    same = (
        "service", "severity", "severity_text", "severity_number", "event_name", "trace_id",
        "span_id", "correlation_id", "scope_name", "flags",
    )  # fmt: skip
    return LogRecord(
        **{field: row[field] for field in same},
        id=f"{name}-{twin}" if twin else name,
        time=rfc3339(row["time"]),
        time_unix_nano=str(row["time"]),
        observed_time_unix_nano=str(row["observed"]),
        body=body_text(row["body"], row["body_type"]),
        body_structured=row["body_type"] in ("a", "k"),
        attributes=typed(row["keys"], row["values"], row["types"]),
        resource=typed(row["resource_keys"], row["resource_values"], row["resource_types"]),
    )


def _counts(
    queries: Queries, filters: LogFilters, span: Window, step: int
) -> dict[int, Counter[str]]:
    if filters.needs_records or step % 60:
        where = filters.condition()
        parameters = where.parameters | span.parameters() | {"step": step}
        rows = queries.rows("log_histogram", parameters, filters=where.sql)
    else:
        where = filters.rolled()
        minutes = {
            "first_minute": min(-(-span.start // MINUTE) * 60, LAST_MINUTE),
            "last_minute": min(span.end // MINUTE * 60, LAST_MINUTE),
        }
        parameters = where.parameters | span.parameters() | minutes | {"step": step}
        rows = queries.rows("log_histogram_rolled", parameters, filters=where.sql)
    counts: dict[int, Counter[str]] = {}
    for row in rows:
        counts.setdefault(row["time"], Counter())[row["severity"]] += row["logs"]
    return counts


def _bucket(time: int, counts: Counter[str]) -> Bucket:
    by_severity = {severity: counts[severity] for severity in SEVERITIES}
    return Bucket(
        time=rfc3339(time * SECOND),
        total=counts.total(),
        unspecified=counts.total() - sum(by_severity.values()),
        **by_severity,
    )


def _trace_range(queries: Queries, trace_id: str) -> Window | None:
    found = queries.row("trace_logs", {"trace_id": trace_id})
    return Window(found["first"], found["last"] + 1) if found["logs"] else None


def _kept(start: int, end: int, time: int) -> Window:
    if not (start < end <= LATEST and start <= time < end):
        raise bad_request("cannot use cursor: it holds no range")
    return Window(start, end)
