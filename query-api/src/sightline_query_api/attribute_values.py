"""Which values a field has, to complete what somebody types."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel

from sightline_core.wire.names import Signal
from sightline_query_api.backend import Reading
from sightline_query_api.completeness import AnyProgress, Completeness, assess
from sightline_query_api.cursors import Limit
from sightline_query_api.query_sql import LOGS, SPANS, Condition
from sightline_query_api.times import Range

router = APIRouter(tags=["books"])

SAMPLE: Final = 20_000
"""Matching records that are looked at: enough for what is common, few enough to be quick."""
LONGEST: Final = 200
"""Bytes of a value that somebody would still choose from a list."""


class AttributeValue(BaseModel):
    """A value of a field; `count` is of the records that were looked at."""

    value: str
    count: int


class AttributeValues(BaseModel):
    """Values of a field, the most common first."""

    items: list[AttributeValue]
    next_cursor: str | None
    completeness: Completeness


@router.get("/attributes/values")
def attribute_values(
    queries: Reading,
    progress: AnyProgress,
    span: Range,
    field: Annotated[str, Query(min_length=1, max_length=256)],
    signal: Literal[Signal.TRACES, Signal.LOGS] = Signal.TRACES,
    prefix: Annotated[str, Query(max_length=256)] = "",
    service: str | None = None,
    limit: Limit = 20,
) -> AttributeValues:
    """List values of `field` (as in queries) that start with `prefix` in either case.

    They are those of some 20,000 matching records: common ones are there, a rare one may not be.
    """
    schema, table = (SPANS, "otel_traces") if signal is Signal.TRACES else (LOGS, "otel_logs")
    where = Condition()
    column = where.has_text(field, schema)
    if service is not None:
        where.add("ServiceName = {service:String}", service=service)
    parameters = span.parameters() | where.parameters
    parameters |= {"prefix": prefix, "limit": limit, "sample": SAMPLE, "longest": LONGEST}
    rows = queries.rows(
        "attribute_values", parameters, table=table, column=column, filters=where.sql
    )
    return AttributeValues(
        items=[AttributeValue(**row) for row in rows],
        next_cursor=None,
        completeness=assess(progress, end=span.end),
    )
