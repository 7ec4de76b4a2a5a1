"""One span with everything that was sent about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel

from sightline_query_api.backend import Reading
from sightline_query_api.completeness import (
    Completeness,
    Shortcomings,
    TracesProgress,
    assess,
)
from sightline_query_api.problems import not_found
from sightline_query_api.trace import SpanKind, parse_span_id, parse_trace_id, span_bounds
from sightline_query_api.typed_attributes import typed

if TYPE_CHECKING:
    from collections.abc import Mapping

router = APIRouter(tags=["traces"])

DEFAULT_WEIGHT = 1.0


class Resource(BaseModel):
    """What sent the span."""

    attributes: dict[str, Any]
    schema_url: str
    dropped_attributes_count: int


class Scope(BaseModel):
    """The instrumentation that made the span."""

    name: str
    version: str
    attributes: dict[str, Any]
    schema_url: str
    dropped_attributes_count: int


class Event(BaseModel):
    """Something that happened in the span, such as an exception."""

    time_unix_nano: str
    name: str
    attributes: dict[str, Any]
    dropped_attributes_count: int


class Link(BaseModel):
    """Another span that this one has to do with."""

    trace_id: str
    span_id: str
    trace_state: str
    attributes: dict[str, Any]
    flags: int
    dropped_attributes_count: int


class Span(BaseModel):
    """A span; `warnings` say what was odd in it and how it was read."""

    trace_id: str
    span_id: str
    parent_span_id: str
    service: str
    name: str
    kind: SpanKind
    start_unix_nano: str
    end_unix_nano: str
    duration_ns: int
    status: Literal["ok", "error", "unset"]
    status_message: str
    trace_state: str
    flags: int
    adjusted_count: float
    correlation_id: str
    attributes: dict[str, Any]
    resource: Resource
    scope: Scope
    events: list[Event]
    links: list[Link]
    event_count: int
    link_count: int
    has_exception: bool
    dropped_attributes_count: int
    dropped_events_count: int
    dropped_links_count: int
    warnings: list[str]
    completeness: Completeness


@router.get("/traces/{trace_id}/spans/{span_id}")
def get_span(trace_id: str, span_id: str, queries: Reading, progress: TracesProgress) -> Span:
    """Return a span with all that was sent about it."""
    where = span_bounds(queries, parse_trace_id(trace_id))
    rows = queries.rows("span", where | {"span_id": parse_span_id(span_id)})
    if not rows:
        raise not_found(f"cannot find span {span_id}: trace {trace_id} has none of that id")
    row = rows[0]
    end = row["start_ns"] + row["duration_ns"]
    events, links = _events(row), _links(row)
    sampled = row["adjusted_count"] > DEFAULT_WEIGHT
    same = (
        "trace_id", "span_id", "parent_span_id", "service", "name", "kind", "duration_ns", "status",
        "status_message", "trace_state", "flags", "adjusted_count", "correlation_id", "warnings",
        "dropped_attributes_count", "dropped_events_count", "dropped_links_count",
    )  # fmt: skip
    return Span(
        **{name: row[name] for name in same},
        start_unix_nano=str(row["start_ns"]),
        end_unix_nano=str(end),
        attributes=typed(row["keys"], row["values"], row["types"]),
        resource=Resource(**_owner(row, "resource")),
        scope=Scope(name=row["scope_name"], version=row["scope_version"], **_owner(row, "scope")),
        events=events,
        links=links,
        event_count=len(events),
        link_count=len(links),
        has_exception=any(event.name == "exception" for event in events),
        completeness=assess(progress, end=end, lacks=Shortcomings(sampled=sampled)),
    )


def _owner(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {
        "attributes": typed(row[f"{name}_keys"], row[f"{name}_values"], row[f"{name}_types"]),
        "schema_url": row[f"{name}_schema_url"],
        "dropped_attributes_count": row[f"{name}_dropped"],
    }


def _events(row: Mapping[str, Any]) -> list[Event]:
    columns = ("times", "names", "keys", "values", "types", "dropped")
    return [
        Event(
            time_unix_nano=str(time),
            name=name,
            attributes=typed(keys, values, types),
            dropped_attributes_count=dropped,
        )
        for time, name, keys, values, types, dropped in zip(
            *(row[f"event_{column}"] for column in columns), strict=True
        )
    ]


def _links(row: Mapping[str, Any]) -> list[Link]:
    columns = ("trace_ids", "span_ids", "states", "keys", "values", "types", "flags", "dropped")
    return [
        Link(
            trace_id=trace_id,
            span_id=span_id,
            trace_state=state,
            attributes=typed(keys, values, types),
            flags=flags,
            dropped_attributes_count=dropped,
        )
        for trace_id, span_id, state, keys, values, types, flags, dropped in zip(
            *(row[f"link_{column}"] for column in columns), strict=True
        )
    ]
