"""Services, their operations, and their traffic, errors and latency over time; from roll-ups."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel

from sightline_core.wire.names import Signal
from sightline_query_api import cursors
from sightline_query_api.backend import Queries, Reading
from sightline_query_api.completeness import (
    Completeness,
    Progress,
    Shortcomings,
    TracesAndLogsProgress,
    TracesProgress,
    assess,
)
from sightline_query_api.cursors import Cursor, Limit
from sightline_query_api.problems import bad_request, not_found
from sightline_query_api.shortfalls import Shortfall
from sightline_query_api.times import MINUTE, SECOND, Range, Window, rfc3339, step_seconds
from sightline_query_api.typed_attributes import typed

if TYPE_CHECKING:
    from collections.abc import Sequence

SPARKLINE_BUCKETS: Final = 30
MAX_POINTS: Final = 1500
BOTH: Final = (Signal.TRACES, Signal.LOGS)
ENTRY_KINDS: Final = "SpanKind IN ('Server', 'Consumer')"

router = APIRouter(tags=["services"])


class Traffic(BaseModel):
    """Numbers of a service; requests are its entry spans (server or consumer), weighted."""

    service: str
    requests: int
    errors: int
    error_rate: float
    rate_per_second: float
    p50_ns: int | None
    p95_ns: int | None
    p99_ns: int | None
    spans: int
    logs: int
    last_seen: str
    sparkline: list[int]


class Services(BaseModel):
    """Services by name."""

    items: list[Traffic]
    next_cursor: str | None
    completeness: Completeness


class Service(Traffic):
    """One service; `attributes` are those of the resource that it last reported."""

    operations_count: int
    attributes: dict[str, Any]
    completeness: Completeness


class Operation(BaseModel):
    """Numbers of one operation; the exemplar is its slowest span's trace."""

    operation: str
    kind: str
    count: int
    errors: int
    error_rate: float
    p50_ns: int | None
    p95_ns: int | None
    p99_ns: int | None
    exemplar_trace_id: str | None
    error_trace_id: str | None


class Operations(BaseModel):
    """Operations, the busiest first."""

    items: list[Operation]
    next_cursor: str | None
    completeness: Completeness


class Point(BaseModel):
    """Traffic, errors and latency from `time` for `step_seconds`."""

    time: str
    requests: int
    errors: int
    p50_ns: int | None
    p95_ns: int | None
    p99_ns: int | None
    exemplar_trace_id: str | None
    error_trace_id: str | None


class Signals(BaseModel):
    """A point per step, also for steps in which nothing happened."""

    service: str
    operation: str | None
    step_seconds: int
    series: list[Point]
    completeness: Completeness


@router.get("/services")
def list_services(
    queries: Reading,
    progress: TracesAndLogsProgress,
    shortfall: Shortfall,
    span: Range,
    limit: Limit = 200,
    cursor: Cursor = None,
) -> Services:
    """List the services that sent anything in the range, by name."""
    after = cursors.decode(cursor, "services", str)
    condition, parameters = "1", {}
    if after:
        condition, parameters = "ServiceName > {after:String}", {"after": after[0]}
    rows = queries.rows(
        "services",
        span.parameters() | {"limit": limit + 1} | parameters,
        service=condition,
    )
    page = rows[:limit]
    return Services(
        items=_traffic(queries, page, span),
        next_cursor=cursors.encode("services", page[-1]["service"]) if len(rows) > limit else None,
        completeness=_assess(progress, span, rows, shortfall.of(BOTH, span)),
    )


@router.get("/services/{service:path}/operations")
def list_operations(
    service: str,
    queries: Reading,
    progress: TracesProgress,
    shortfall: Shortfall,
    span: Range,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Operations:
    """List the operations of a service, the busiest first."""
    after = cursors.decode(cursor, "operations", int, str, str)
    parameters = span.parameters() | {"service": service, "limit": limit + 1}
    condition = "1"
    if after:
        condition = (
            "(-round(count), operation, kind)"
            " > (-{after:Int64}, {after_operation:String}, {after_kind:String})"
        )
        parameters |= dict(zip(("after", "after_operation", "after_kind"), after, strict=True))
    rows = queries.rows("operations", parameters, after=condition)
    page = rows[:limit]
    next_cursor = None
    if len(rows) > limit:
        last = page[-1]
        next_cursor = cursors.encode(
            "operations", round(last["count"]), last["operation"], last["kind"]
        )
    weighted = [{"spans": row["spans"], "weighted": row["count"]} for row in rows]
    return Operations(
        items=[_operation(row) for row in page],
        next_cursor=next_cursor,
        completeness=_assess(
            progress, span, weighted, shortfall.of([Signal.TRACES], span, service=service)
        ),
    )


@router.get("/services/{service:path}/signals")
def service_signals(
    service: str,
    queries: Reading,
    progress: TracesProgress,
    shortfall: Shortfall,
    span: Range,
    operation: str | None = None,
    step_seconds: Annotated[
        int | None, Query(ge=60, le=86400 * 31, description="rounded up to minutes")
    ] = None,
) -> Signals:
    """Return traffic, errors and latency over time.

    Of the whole service, its entry spans; of an operation, all of its spans.
    """
    step = _step(span, step_seconds)
    condition = "SpanName = {operation:String}" if operation is not None else ENTRY_KINDS
    parameters: dict[str, Any] = span.parameters() | {"service": service, "step": step}
    if operation is not None:
        parameters["operation"] = operation
    rows = queries.rows("signals", parameters, operation=condition)
    found = {row["time"]: row for row in rows}
    first = span.start // SECOND // step * step
    times = range(first, -(-span.end // SECOND), step)
    weighted = [{"spans": row["spans"], "weighted": row["requests"]} for row in rows]
    return Signals(
        service=service,
        operation=operation,
        step_seconds=step,
        series=[_point(time, found.get(time)) for time in times],
        completeness=_assess(
            progress, span, weighted, shortfall.of([Signal.TRACES], span, service=service)
        ),
    )


@router.get("/services/{service:path}")
def get_service(
    service: str,
    queries: Reading,
    progress: TracesAndLogsProgress,
    shortfall: Shortfall,
    span: Range,
) -> Service:
    """Return one service; 404 if it sent nothing in the range."""
    parameters = span.parameters() | {"limit": 1, "service": service}
    rows = queries.rows("services", parameters, service="ServiceName = {service:String}")
    if not rows:
        raise not_found(
            f"cannot find service {service!r}: it sent nothing between "
            f"{rfc3339(span.start)} and {rfc3339(span.end)}"
        )
    operations = queries.row("operations_count", span.parameters() | {"service": service})
    return Service(
        **dict(_traffic(queries, rows, span)[0]),
        operations_count=operations["operations"],
        attributes=_resource(queries, service, rows[0]),
        completeness=_assess(progress, span, rows, shortfall.of(BOTH, span, service=service)),
    )


def _traffic(queries: Queries, rows: Sequence[dict[str, Any]], span: Window) -> list[Traffic]:
    step = 60 * math.ceil(span.seconds / 60 / SPARKLINE_BUCKETS)
    first = span.start // MINUTE * 60
    buckets = queries.rows(
        "service_sparklines",
        {
            "first": first, "end": span.end, "step": step,
            "services": [row["service"] for row in rows],
        },
    )  # fmt: skip
    length = math.ceil((span.end / SECOND - first) / step)
    lines = {row["service"]: [0] * length for row in rows}
    for bucket in buckets:
        if bucket["bucket"] < length:
            lines[bucket["service"]][bucket["bucket"]] = round(bucket["requests"])
    return [
        Traffic(
            service=row["service"],
            requests=round(row["requests"]),
            errors=round(row["errors"]),
            error_rate=error_rate(row["errors"], row["requests"]),
            rate_per_second=round(row["requests"] / span.seconds, 4),
            **quantiles(row["quantiles"]),
            spans=row["spans"],
            logs=row["logs"],
            last_seen=rfc3339(row["last_seen"]),
            sparkline=lines[row["service"]],
        )
        for row in rows
    ]


def _resource(queries: Queries, service: str, row: dict[str, Any]) -> dict[str, Any]:
    newest = row["last_seen"] // MINUTE * MINUTE
    found = queries.rows(
        "service_resource",
        {"service": service, "from": newest, "to": newest + MINUTE},
        table="otel_traces" if row["spans"] else "otel_logs",
    )
    return typed(found[0]["keys"], found[0]["values"], found[0]["types"]) if found else {}


def _operation(row: dict[str, Any]) -> Operation:
    return Operation(
        operation=row["operation"],
        kind=row["kind"].lower(),
        count=round(row["count"]),
        errors=round(row["errors"]),
        error_rate=error_rate(row["errors"], row["count"]),
        **quantiles(row["quantiles"]),
        exemplar_trace_id=row["exemplar_trace_id"] or None,
        error_trace_id=row["error_trace_id"] or None,
    )


def _point(time: int, row: dict[str, Any] | None) -> Point:
    row = row or {"requests": 0, "errors": 0, "quantiles": []}
    return Point(
        time=rfc3339(time * SECOND),
        requests=round(row["requests"]),
        errors=round(row["errors"]),
        **quantiles(row["quantiles"]),
        exemplar_trace_id=row.get("exemplar_trace_id") or None,
        error_trace_id=row.get("error_trace_id") or None,
    )


def quantiles(sketch: Sequence[float]) -> dict[str, int | None]:
    """Return `p50_ns`, `p95_ns` and `p99_ns` of a merged sketch; None where nothing was."""
    values = [round(value) if math.isfinite(value) else None for value in sketch]
    return dict(zip(("p50_ns", "p95_ns", "p99_ns"), values or (None, None, None), strict=True))


def error_rate(errors: float, requests: float) -> float:
    """Return the share of requests that failed, 0 to 1; 0 without requests."""
    return round(errors / requests, 6) if requests else 0.0


def _step(span: Window, wanted: int | None) -> int:
    if wanted is None:
        return step_seconds(span, most=60, least=60)
    step = math.ceil(wanted / 60) * 60
    if span.seconds / step > MAX_POINTS:
        raise bad_request(
            f"cannot use step_seconds={wanted}: that makes more than {MAX_POINTS} points; "
            "use a longer step or a shorter range"
        )
    return step


def _assess(
    progress: Progress, span: Window, rows: Sequence[dict[str, Any]], lacks: Shortcomings
) -> Completeness:
    sampled = sum(row["weighted"] for row in rows) > sum(row["spans"] for row in rows) * 1.000001
    return assess(progress, end=span.end, lacks=replace(lacks, sampled=sampled))
