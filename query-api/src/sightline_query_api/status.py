"""The state of this Sightline, and whether it is alive and ready."""

from __future__ import annotations

from importlib.metadata import version
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from sightline_core.health import TEXT, render
from sightline_core.wire.names import PIPELINE_GROUP, Signal
from sightline_query_api.alerts import Alert, alerts_of, metrics
from sightline_query_api.backend import Serving
from sightline_query_api.components import ComponentStatus, PartitionStatus, Reports
from sightline_query_api.times import rfc3339

router = APIRouter(tags=["status"])
probes = APIRouter(tags=["status"])


class SignalStatus(BaseModel):
    """How far the pipeline is with a signal.

    Attributes:
        freshness_seconds: how long ago the newest stored message of it arrived; grows while
            nothing comes. Null: unknown.
    """

    signal: str
    watermark: str | None
    lag_messages: int
    lag_seconds: float
    freshness_seconds: float | None


class StoreStatus(BaseModel):
    """What the store holds, by table."""

    engine_version: str
    rows: dict[str, int]
    bytes_on_disk: int


class TopicStatus(BaseModel):
    """A topic of the bus."""

    topic: str
    partitions: int
    messages: int
    pending: int


class BusStatus(BaseModel):
    """What the bus holds."""

    topics: list[TopicStatus]


class Status(BaseModel):
    """The state of this Sightline; `waiting_for` says what is not ready."""

    version: str
    mode: Literal["embedded", "distributed"]
    started: str
    signals: list[SignalStatus]
    components: list[ComponentStatus]
    partitions: list[PartitionStatus]
    alerts: list[Alert]
    store: StoreStatus
    bus: BusStatus
    ready: bool
    waiting_for: list[str]


class Health(BaseModel):
    """The answer of a probe."""

    status: str
    reasons: list[str] = []


@router.get("/status")
async def status(backend: Serving) -> Status:
    """Return versions, progress and sizes."""
    check = await backend.watch.check(backend)
    reports = check.reports
    signals = []
    for signal in Signal:
        progress = await backend.progress.of(signal)
        signals.append(
            SignalStatus(
                signal=signal.value,
                watermark=None if progress.watermark is None else rfc3339(progress.watermark),
                lag_messages=progress.in_flight_messages,
                lag_seconds=round(progress.lag_seconds, 3),
                freshness_seconds=_freshness(reports, signal),
            )
        )
    waiting_for = list(backend.ready())
    return Status(
        version=version("sightline"),
        mode="embedded" if backend.settings.clickhouse_url is None else "distributed",
        started=rfc3339(backend.started),
        signals=signals,
        components=reports.components,
        partitions=reports.partitions,
        alerts=alerts_of(check),
        store=await run_in_threadpool(_store, backend),
        bus=BusStatus(topics=await _topics(backend)),
        ready=not waiting_for,
        waiting_for=waiting_for,
    )


@probes.get("/metrics", response_class=PlainTextResponse)
async def prometheus(backend: Serving) -> PlainTextResponse:
    """Return the books of the last hour and the alerts as Prometheus reads them."""
    check = await backend.watch.check(backend)
    return PlainTextResponse(render(metrics(check)), media_type=TEXT)


@probes.get("/healthz")
async def healthz() -> Health:
    """Say that the process answers."""
    return Health(status="ok")


@probes.get(
    "/readyz",
    response_model=Health,
    responses={503: {"model": Health, "description": "Not ready yet"}},
)
async def readyz(backend: Serving) -> JSONResponse:
    """Say whether everything is ready, and if not, what is not."""
    waiting_for = list(backend.ready())
    health = Health(status="waiting" if waiting_for else "ready", reasons=waiting_for)
    return JSONResponse(health.model_dump(), status_code=503 if waiting_for else 200)


def _freshness(reports: Reports, signal: Signal) -> float | None:
    known = [
        one.freshness_seconds
        for one in reports.partitions
        if one.topic == signal.topic and one.freshness_seconds is not None
    ]
    return min(known, default=None)


def _store(backend: Serving) -> StoreStatus:
    tables = backend.queries.rows("tables", {})
    return StoreStatus(
        engine_version=backend.queries.row("engine_version", {})["version"],
        rows={row["name"]: row["rows"] for row in tables},
        bytes_on_disk=sum(row["bytes"] for row in tables),
    )


async def _topics(backend: Serving) -> list[TopicStatus]:
    topics = []
    for name in (name for signal in Signal for name in (signal.topic, signal.dlq_topic)):
        lags = await backend.bus.lag(PIPELINE_GROUP, name)
        topics.append(
            TopicStatus(
                topic=name,
                partitions=len(lags),
                messages=sum(lag.end for lag in lags),
                pending=sum(lag.messages for lag in lags),
            )
        )
    return topics
