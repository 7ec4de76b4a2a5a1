"""The ledger: does everything that was created add up, and what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel

from sightline_core.wire.names import Signal
from sightline_query_api.accounts import EVERY_SERVICE
from sightline_query_api.backend import Reading
from sightline_query_api.books import MAX_GAPS, Books
from sightline_query_api.completeness import AnyProgress, Completeness, assess
from sightline_query_api.cursors import Limit
from sightline_query_api.settling import AsSettled, InFlight
from sightline_query_api.shortfalls import Shortfall
from sightline_query_api.times import Range, rfc3339

if TYPE_CHECKING:
    from sightline_query_api.accounts import Account

router = APIRouter(tags=["books"])


class Drop(BaseModel):
    """Records that were dropped on purpose or by need, where and why."""

    hop: Literal["sdk", "collector", "bus", "operator"]
    reason: str
    records: int


class LedgerRow(BaseModel):
    """Records of a service and signal; `created` is the sum of all from `stored` to `unexplained`.

    The row without a service is about whole messages: those in flight (each counts once, as nobody
    looked into it), dead letters and gaps that could not be traced to a service.

    Attributes:
        accepted: taken by a collector: created less what the SDK left out, lost or still has.
        dropped_by: `dropped` by hop and reason.
        unexplained: what nobody can account for, as of the settled watermark. Above zero, records
            are missing; below, there are too many.
        missing_messages: missing from the sequences of their origins, settled.
        pending_messages: same, but they may still be on their way.
        duplicated_records: stored more than once.
        counted_by: who counted first: the service's SDK, or the collector that took the records.
    """

    service: str
    signal: Literal["traces", "logs", "metrics"]
    created: int
    accepted: int
    stored: int
    sampled_out: int
    dropped: int
    quarantined: int
    dead_lettered: int
    in_flight: int
    unexplained: int
    missing_messages: int
    pending_messages: int
    duplicated_records: int
    dropped_by: list[Drop]
    counted_by: Literal["sdk", "collector"]


class Ledger(BaseModel):
    """The books. What arrived after `settled` is not judged yet."""

    items: list[LedgerRow]
    next_cursor: None
    balanced: bool
    settled: str | None
    completeness: Completeness


class Gap(BaseModel):
    """Consecutive messages of an origin that are not there, and when their neighbours arrived.

    `pending` may still come. `unacknowledged` were numbered after the collector's last report: the
    next one says what became of them; if it died, nobody can.
    """

    signal: Literal["traces", "logs", "metrics"]
    origin: str
    first_seq: int
    last_seq: int
    messages: int
    state: Literal["missing", "pending", "unacknowledged"]
    after: str
    before: str


class Gaps(BaseModel):
    """Gaps, the last one first."""

    items: list[Gap]
    next_cursor: None
    truncated: bool
    completeness: Completeness


class OriginRow(BaseModel):
    """One numbering of messages: a collector from its start to its end, and what came of it.

    `accepted`, `forwarded`, `returned` and `rejected` are what it said of itself in records; null
    when it said nothing in the range. `returned` were refused for now: their senders keep them.
    """

    origin: str
    signal: Literal["traces", "logs", "metrics"]
    accepted: int | None
    forwarded: int | None
    rejected: int | None
    returned: int | None
    arrived: int
    stored: int
    quarantined: int
    messages: int
    duplicate_messages: int
    missing_messages: int
    pending_messages: int
    first_seq: int
    last_seq: int
    last_received: str | None


class Origins(BaseModel):
    """The origins of what arrived in the range, the most recent first."""

    items: list[OriginRow]
    next_cursor: None
    completeness: Completeness


@router.get("/ledger")
def ledger(
    queries: Reading,
    progress: AnyProgress,
    waiting: InFlight,
    marks: AsSettled,
    shortfall: Shortfall,
    span: Range,
) -> Ledger:
    """Return the books of what arrived in the range, and of what is on the way now."""
    accounts = Books(queries, marks).accounts(span, waiting)
    for signal in Signal:
        accounts.of(signal, EVERY_SERVICE)
    items = [_row(signal, service, account) for (signal, service), account in accounts.items()]
    return Ledger(
        items=items,
        next_cursor=None,
        balanced=all(row.unexplained == 0 for row in items),
        settled=rfc3339(marks.everywhere) if marks.everywhere else None,
        completeness=assess(progress, end=span.end, lacks=shortfall.of(Signal, span)),
    )


@router.get("/ledger/gaps")
def gaps(
    queries: Reading,
    progress: AnyProgress,
    marks: AsSettled,
    shortfall: Shortfall,
    span: Range,
    limit: Limit = MAX_GAPS,
) -> Gaps:
    """List the gaps in the sequences of the origins that touch the range."""
    rows = Books(queries, marks).gaps(span, limit + 1)
    return Gaps(
        items=[_gap(row) for row in rows[:limit]],
        next_cursor=None,
        truncated=len(rows) > limit,
        completeness=assess(progress, end=span.end, lacks=shortfall.of(Signal, span)),
    )


@router.get("/ledger/origins")
def origins(
    queries: Reading,
    progress: AnyProgress,
    marks: AsSettled,
    shortfall: Shortfall,
    span: Range,
) -> Origins:
    """List who numbered the messages of the range, with what each said and what arrived."""
    books = Books(queries, marks)
    lost: dict[tuple[str, str, str], int] = {
        (row["signal"], row["origin"], row["state"]): row["messages"]
        for row in books.gap_totals(span)
    }
    said: dict[tuple[str, str], dict[str, int]] = {}
    for row in books.collectors(span):
        counts = said.setdefault((row["signal"], row["origin"]), {})
        counts[row["outcome"]] = counts.get(row["outcome"], 0) + row["records"]
    rows = {(row["signal"], row["origin"]): row for row in books.origins(span)}
    for signal, origin in said:
        rows.setdefault((signal, origin), _NOTHING | {"signal": signal, "origin": origin})
    return Origins(
        items=[_origin(row, said.get(key), lost) for key, row in rows.items()],
        next_cursor=None,
        completeness=assess(progress, end=span.end, lacks=shortfall.of(Signal, span)),
    )


_NOTHING = dict.fromkeys(
    ("messages", "numbers", "first", "last", "arrived", "stored", "quarantined", "last_received"), 0
)


def _row(signal: str, service: str, account: Account) -> LedgerRow:
    by_sdk = sum(records for (hop, _), records in account.dropped.items() if hop == "sdk")
    waiting = account.in_flight if service else 0
    return LedgerRow(
        service=service,
        signal=Signal(signal).value,
        created=account.created,
        accepted=account.created - account.sampled_out - by_sdk - waiting,
        stored=account.stored,
        sampled_out=account.sampled_out,
        dropped=account.dropped.total(),
        quarantined=account.quarantined,
        dead_lettered=account.dead_lettered,
        in_flight=account.in_flight,
        unexplained=account.unexplained,
        missing_messages=account.missing_messages,
        pending_messages=account.pending_messages,
        duplicated_records=account.duplicated,
        dropped_by=[
            Drop(hop=hop, reason=reason, records=records)
            for (hop, reason), records in sorted(account.dropped.items())
            if records
        ],
        counted_by=account.counted_by,
    )


def _gap(row: dict[str, Any]) -> Gap:
    return Gap(
        signal=row["signal"],
        origin=row["origin"],
        first_seq=row["first"],
        last_seq=row["last"],
        messages=row["messages"],
        state=row["state"],
        after=rfc3339(row["after"]),
        before=rfc3339(row["before"]),
    )


def _origin(
    row: dict[str, Any], said: dict[str, int] | None, lost: dict[tuple[str, str, str], int]
) -> OriginRow:
    key = row["signal"], row["origin"]
    spoke = {name: (said or {}).get(name, 0) if said is not None else None for name in _OUTCOMES}
    return OriginRow(
        origin=row["origin"],
        signal=row["signal"],
        accepted=spoke["accepted"],
        forwarded=spoke["forwarded"],
        rejected=spoke["rejected"],
        returned=spoke["returned"],
        arrived=row["arrived"],
        stored=row["stored"],
        quarantined=row["quarantined"],
        messages=row["messages"],
        duplicate_messages=row["messages"] - row["numbers"],
        missing_messages=lost.get((*key, "missing"), 0),
        pending_messages=lost.get((*key, "pending"), 0) + lost.get((*key, "unacknowledged"), 0),
        first_seq=row["first"],
        last_seq=row["last"],
        last_received=rfc3339(row["last_received"]) if row["last_received"] else None,
    )


_OUTCOMES = ("accepted", "forwarded", "rejected", "returned")
