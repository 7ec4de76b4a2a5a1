"""Orders to partitions of the bus: a person lets one wait or run."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from sightline_query_api.backend import Serving
from sightline_query_api.dead_letters.guard import GuardedRoute
from sightline_query_api.times import rfc3339

router = APIRouter(tags=["partitions"], route_class=GuardedRoute)

Text = Annotated[str, Field(max_length=1000)]


class PartitionOrder(BaseModel):
    """Whether a partition shall wait, and why; `ordered_by` is who says so, for the record."""

    model_config = ConfigDict(extra="forbid")

    topic: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
    partition: Annotated[int, Field(ge=0, le=2**31 - 1)]
    paused: bool
    note: Text = ""
    ordered_by: Text = ""


class StandingOrder(BaseModel):
    """The order to a partition that counts; `reason` is `flood` or `operator`."""

    topic: str
    partition: int
    paused: bool
    reason: str
    detail: str
    ordered_by: str
    ordered_at: str


class StandingOrders(BaseModel):
    """All partitions that were ever ordered to wait."""

    items: list[StandingOrder]


@router.get("/partitions/orders")
async def orders(backend: Serving) -> StandingOrders:
    """Return what was ordered last for each partition; the paused ones first."""
    rows = await run_in_threadpool(backend.queries.rows, "partition_orders", {})
    items = [StandingOrder(**{**row, "ordered_at": rfc3339(row["ordered_at"])}) for row in rows]
    return StandingOrders(items=items)


@router.post("/partitions/orders", status_code=202)
async def give_order(order: PartitionOrder, backend: Serving) -> PartitionOrder:
    """Let a partition wait or run; the pipeline that owns it sees the order within seconds."""
    await run_in_threadpool(backend.queries.command, "give_partition_order", order.model_dump())
    return order
