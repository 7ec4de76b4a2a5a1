"""What is wrong with the pipeline itself: books that do not balance, and what stands still."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel

from sightline_core.health import Metric
from sightline_query_api.backend import Serving
from sightline_query_api.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sightline_query_api.watch import Check

router = APIRouter(tags=["alerts"])

BEHIND_SECONDS: Final = 60.0
"""Lag of a partition that is worth an alert."""


class Alert(BaseModel):
    """Something that a person should look at. `link` is a page of the web app.

    Attributes:
        id: equal while it is the same thing.
        value: records, messages or seconds, as `detail` says.
    """

    id: str
    name: str
    severity: Literal["critical", "warning"]
    state: Literal["firing"]
    summary: str
    detail: str
    signal: str
    service: str
    value: float
    checked: str
    link: str


class Alerts(BaseModel):
    """What fires now, the critical first."""

    items: list[Alert]
    next_cursor: None
    checked: str


def alerts_of(check: Check) -> list[Alert]:
    """Return what is wrong, the critical first."""
    found = [*_of_books(check), *_of_past(check), *_of_lag(check), *_of_partitions(check),
             *_of_components(check)]  # fmt: skip
    return sorted(found, key=lambda alert: (alert.severity != "critical", alert.id))


@router.get("/alerts")
async def list_alerts(backend: Serving) -> Alerts:
    """List what is wrong with the pipeline: the books of the last day, lag, stillstand."""
    check = await backend.watch.check(backend)
    return Alerts(items=alerts_of(check), next_cursor=None, checked=rfc3339(check.at))


def metrics(check: Check) -> Iterator[Metric]:
    """Yield what `/metrics` shows of a check."""
    rows = list(check.accounts.items())
    for column in ("created", "stored", "dead_lettered", "in_flight", "unexplained"):
        yield Metric(
            f"sightline_ledger_{column}_records",
            "gauge",
            f"Records of the last hour: {column.replace('_', ' ')}. Unexplained must be 0.",
            [
                ({"signal": signal, "service": service}, float(getattr(account, column)))
                for (signal, service), account in rows
            ],
        )
    yield Metric(
        "sightline_ledger_missing_messages",
        "gauge",
        "Messages of the last hour that are missing from the sequences of their origins.",
        [
            ({"signal": signal}, float(account.missing_messages))
            for (signal, service), account in rows
            if not service
        ],
    )
    yield Metric(
        "sightline_alerts_firing",
        "gauge",
        "Alerts of /api/v1/alerts by name.",
        [({"name": alert.name, "id": alert.id}, 1.0) for alert in alerts_of(check)],
    )


def _alert(
    check: Check,
    name: str,
    *,
    critical: bool,
    summary: str,
    detail: str,
    value: float,
    link: str,
    signal: str = "",
    service: str = "",
    key: str = "",
) -> Alert:
    return Alert(
        id=":".join(part for part in (name, signal, service, key) if part),
        name=name,
        severity="critical" if critical else "warning",
        state="firing",
        summary=summary,
        detail=detail,
        signal=signal,
        service=service,
        value=value,
        checked=rfc3339(check.at),
        link=link,
    )


def _of_books(check: Check) -> Iterable[Alert]:
    for (signal, service), account in check.accounts.items():
        whose = service or "messages of unknown services"
        if left := account.unexplained:
            missing = "are missing" if left > 0 else "are stored too often"
            yield _alert(
                check,
                "ledger_unexplained",
                critical=True,
                summary=f"{abs(left)} records ({signal}) of {whose} {missing}",
                detail="The books of the last hour that is settled do not balance.",
                value=left,
                link="/ledger",
                signal=signal,
                service=service,
            )
        if expired := account.dropped["bus", "expired"]:
            yield _alert(
                check,
                "messages_expired",
                critical=True,
                summary=f"The bus removed {expired} records ({signal}) before they were stored",
                detail="The pipeline was behind for longer than the bus keeps messages.",
                value=expired,
                link="/ledger",
                signal=signal,
                service=service,
            )
        if letters := account.dead_lettered:
            yield _alert(
                check,
                "dead_letters",
                critical=False,
                summary=f"{letters} records ({signal}) of {whose} are dead letters",
                detail="They could not be stored; look at the error, send them again or discard.",
                value=letters,
                link="/dead-letters",
                signal=signal,
                service=service,
            )


def _of_past(check: Check) -> Iterable[Alert]:
    for one in check.past:
        missing = "are missing" if one.records > 0 else "are stored too often"
        whose = one.service or "messages of unknown services"
        hour = rfc3339(one.hour)
        yield _alert(
            check,
            "ledger_unexplained",
            critical=True,
            summary=f"{abs(one.records)} records ({one.signal}) of {whose} {missing}",
            detail=f"The books of the hour from {hour} do not balance.",
            value=one.records,
            link="/ledger",
            signal=one.signal,
            service=one.service,
            key=hour,
        )


def _of_lag(check: Check) -> Iterable[Alert]:
    """Ask the bus, not the pipelines: those that are gone report nothing."""
    for signal, progress in check.progress.items():
        if progress.lag_seconds > BEHIND_SECONDS:
            yield _alert(
                check,
                "pipeline_behind",
                critical=True,
                summary=f"{signal.value} are stored {progress.lag_seconds:.0f} s late",
                detail=f"{progress.in_flight_messages} messages wait on the bus.",
                value=progress.lag_seconds,
                link="/status",
                signal=signal.value,
            )


def _of_partitions(check: Check) -> Iterable[Alert]:
    for one in check.reports.partitions:
        where = f"{one.topic}-{one.partition}"
        if one.state in {"paused", "held"}:
            yield _alert(
                check,
                f"partition_{one.state}",
                critical=True,
                summary=f"{where} is {one.state}",
                detail=one.reason,
                value=one.lag_seconds,
                link="/status",
                key=where,
            )
        elif one.lag_seconds > BEHIND_SECONDS:
            yield _alert(
                check,
                "partition_behind",
                critical=False,
                summary=f"{where} is {one.lag_seconds:.0f} s behind",
                detail=f"{one.lag_messages} messages wait.",
                value=one.lag_seconds,
                link="/status",
                key=where,
            )


def _of_components(check: Check) -> Iterable[Alert]:
    for one in check.reports.components:
        if one.silent:
            yield _alert(
                check,
                "component_silent",
                critical=True,
                summary=f"{one.component} {one.instance} has stopped reporting",
                detail=f"Its last report is of {one.reported}; it did not say that it stops.",
                value=1,
                link="/status",
                key=one.instance,
            )
