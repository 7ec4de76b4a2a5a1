"""One trace: its totals, then its spans, in two phases so that large ones stay fast."""

from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING, Any, Final, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field
from pydantic_core import to_json

from sightline_core.wire.names import Signal
from sightline_query_api.backend import Queries, Reading
from sightline_query_api.completeness import (
    Completeness,
    Progress,
    Shortcomings,
    TracesProgress,
    assess,
)
from sightline_query_api.problems import bad_request, not_found
from sightline_query_api.shortfalls import Shortfall, ShortfallReader
from sightline_query_api.times import SECOND, Window
from sightline_query_api.traces import ServiceShare
from sightline_query_api.typed_attributes import typed

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_SPANS: Final = 100_000
FULL_SPANS: Final = 2_000
"""`details=auto` gives attributes up to this many spans."""
GZIP_LEVEL: Final = 1  # spans repeat themselves: more work shrinks them little
GZIP_BYTES: Final = 1 << 10
TRAVEL: Final = 5 * SECOND
"""After the end of a trace, spans of it may still be sent for so long."""
SpanKind = Literal["server", "client", "internal", "producer", "consumer", "unspecified"]

router = APIRouter(tags=["traces"])


class SpanRow(BaseModel):
    """A span in a trace; `attributes` only with full details."""

    span_id: str
    parent_span_id: str
    service: str
    name: str
    kind: SpanKind
    start_unix_nano: str
    duration_ns: int
    status: Literal["ok", "error", "unset"]
    status_message: str = ""
    event_count: int
    link_count: int
    has_exception: bool
    attributes: dict[str, Any] = Field(default_factory=dict)


class Trace(BaseModel):
    """A trace; totals are of all its spans, also of those that are not in `spans`."""

    trace_id: str
    start_unix_nano: str
    end_unix_nano: str
    duration_ns: int
    span_count: int
    error_count: int
    log_count: int
    services: list[ServiceShare]
    correlation_ids: list[str]
    details: Literal["full", "skeleton"]
    completeness: Completeness
    spans: list[SpanRow]


def parse_trace_id(text: str) -> str:
    """Return the id as the store has it.

    Raises:
        Problem: it is not 32 hexadecimal digits.
    """
    return _hex_id(text, 32, "trace_id")


def parse_span_id(text: str) -> str:
    """Return the id as the store has it.

    Raises:
        Problem: it is not 16 hexadecimal digits.
    """
    return _hex_id(text, 16, "span_id")


def span_bounds(queries: Queries, trace_id: str) -> dict[str, Any]:
    """Return the parameters that find the spans of a trace.

    Raises:
        Problem: there is no such trace.
    """
    bounds = queries.row("traces_bounds", {"trace_ids": [trace_id]})
    if not bounds["found"]:
        raise not_found(
            f"cannot find trace {trace_id}: no span of it is stored. It may be on its way, "
            "have expired, or consist of log records only (see /api/v1/correlations)"
        )
    return {"trace_id": trace_id, "first": bounds["first"], "last": bounds["last"]}


@router.get(
    "/traces/{trace_id}",
    response_class=Response,
    responses={200: {"model": Trace, "description": "The trace"}},
)
def get_trace(
    trace_id: str,
    request: Request,
    queries: Reading,
    progress: TracesProgress,
    shortfall: Shortfall,
    details: Literal["auto", "full", "skeleton"] = "auto",
) -> Response:
    """Return a trace with up to 100,000 of its spans, in order of their start."""
    where = span_bounds(queries, parse_trace_id(trace_id))
    head = _head(queries, where, progress, shortfall)
    full = details == "full" or (details == "auto" and head["span_count"] <= FULL_SPANS)
    head["details"] = "full" if full else "skeleton"
    spans = _full_spans(queries, where) if full else _skeleton(queries, where)
    # The body is put together from bytes: a large trace never becomes Python objects.
    body = b"".join((to_json(head)[:-1], b',"spans":', spans, b"}"))
    return _respond(body, request)


def _head(
    queries: Queries, where: Mapping[str, Any], progress: Progress, shortfall: ShortfallReader
) -> dict[str, Any]:
    """Return everything of a trace but its spans; totals come from SQL."""
    totals = queries.rows("trace_totals", where)
    if not totals:
        raise not_found(f"cannot find trace {where['trace_id']}: its spans have expired")
    logs = queries.row("trace_logs", {"trace_id": where["trace_id"]})
    start = min(row["begin"] for row in totals)
    end = max(row["finish"] for row in totals)
    count = sum(row["spans"] for row in totals)
    known = Shortcomings(
        orphans=sum(row["orphans"] for row in totals),
        truncated=f"only the first {MAX_SPANS} of {count} spans" if count > MAX_SPANS else "",
    )
    lacks = shortfall.of([Signal.TRACES], Window(start, end + TRAVEL), lacks=known)
    return {
        "trace_id": where["trace_id"],
        "start_unix_nano": str(start),
        "end_unix_nano": str(end),
        "duration_ns": end - start,
        "span_count": count,
        "error_count": sum(row["errors"] for row in totals),
        "log_count": logs["logs"],
        "services": [
            {"service": row["service"], "spans": row["spans"], "errors": row["errors"]}
            for row in totals
        ],
        "correlation_ids": _correlation_ids(queries, totals, logs, where["trace_id"]),
        "completeness": assess(progress, end=end + TRAVEL, lacks=lacks, tolerance=0),
    }


def _correlation_ids(
    queries: Queries, totals: list[dict[str, Any]], logs: dict[str, Any], trace_id: str
) -> list[str]:
    found = {one for row in totals for one in row["correlation_ids"]}
    if logs["logs"]:
        bounds = {"trace_id": trace_id, "from": logs["first"], "to": logs["last"]}
        found.update(queries.row("trace_log_correlations", bounds)["correlation_ids"])
    return sorted(found)


def _skeleton(queries: Queries, where: Mapping[str, Any]) -> bytes:
    lines = queries.json_lines("trace_spans", {**where, "limit": MAX_SPANS}, details="")
    return b"[" + lines.rstrip(b"\n").replace(b"\n", b",") + b"]"


def _full_spans(queries: Queries, where: Mapping[str, Any]) -> bytes:
    rows = queries.rows(
        "trace_spans",
        {**where, "limit": MAX_SPANS},
        details=", mapKeys(SpanAttributes) AS keys, mapValues(SpanAttributes) AS values,"
        " SpanAttributeTypes AS types",
    )
    for row in rows:
        row["attributes"] = typed(row.pop("keys"), row.pop("values"), row.pop("types"))
    return to_json(rows)


def _respond(body: bytes, request: Request) -> Response:
    headers = {"Vary": "Accept-Encoding"}
    if len(body) >= GZIP_BYTES and "gzip" in request.headers.get("accept-encoding", ""):
        # Here and not in a middleware: this runs in a thread, and frees the event loop.
        body = gzip.compress(body, GZIP_LEVEL)
        headers["Content-Encoding"] = "gzip"
    return Response(body, media_type="application/json", headers=headers)


def _hex_id(text: str, length: int, name: str) -> str:
    if not re.fullmatch(rf"[0-9a-fA-F]{{{length}}}", text):
        raise bad_request(f"cannot use {name}: it must be {length} hexadecimal digits")
    return text.lower()
