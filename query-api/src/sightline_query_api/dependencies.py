"""The service graph: who calls whom, how often, how well."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from sightline_core.wire.names import Signal
from sightline_query_api import cursors
from sightline_query_api.backend import Reading
from sightline_query_api.completeness import Completeness, TracesProgress, assess
from sightline_query_api.cursors import Cursor, Limit
from sightline_query_api.services import error_rate, quantiles
from sightline_query_api.shortfalls import Shortfall
from sightline_query_api.times import Range

router = APIRouter(tags=["services"])


class Dependency(BaseModel):
    """Calls from a service to another, or to a database, weighted; latency as the callee saw it."""

    caller: str
    callee: str
    kind: str
    requests: int
    errors: int
    error_rate: float
    p50_ns: int | None
    p95_ns: int | None
    p99_ns: int | None


class Dependencies(BaseModel):
    """The edges of the service graph, by caller and callee."""

    items: list[Dependency]
    next_cursor: str | None
    completeness: Completeness


@router.get("/dependencies")
def list_dependencies(
    queries: Reading,
    progress: TracesProgress,
    shortfall: Shortfall,
    span: Range,
    limit: Limit = 500,
    cursor: Cursor = None,
) -> Dependencies:
    """List who called whom in the range; computed once a minute's spans are in."""
    caller, callee, kind = cursors.decode(cursor, "dependencies", str, str, str) or ("", "", "")
    rows = queries.rows(
        "dependencies",
        span.parameters() | {"caller": caller, "callee": callee, "kind": kind, "limit": limit + 1},
    )
    next_cursor = None
    if len(rows) > limit:
        last = rows[limit - 1]
        next_cursor = cursors.encode("dependencies", last["caller"], last["callee"], last["kind"])
    return Dependencies(
        items=[
            Dependency(
                caller=row["caller"],
                callee=row["callee"],
                kind=row["kind"],
                requests=round(row["requests"]),
                errors=round(row["errors"]),
                error_rate=error_rate(row["errors"], row["requests"]),
                **quantiles(row["quantiles"]),
            )
            for row in rows[:limit]
        ],
        next_cursor=next_cursor,
        completeness=assess(progress, end=span.end, lacks=shortfall.of([Signal.TRACES], span)),
    )
