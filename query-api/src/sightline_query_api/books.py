"""Reading the books from the store: sequences and their gaps, counts of every hop, dead letters."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sightline_core.wire.names import Signal
from sightline_query_api.accounts import Accounts, Lost, SdkCounts
from sightline_query_api.backend import statement
from sightline_query_api.times import MINUTE, SECOND, Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sightline_query_api.backend import Queries

LOOK_BACK: Final = 60 * MINUTE
"""How long before a window the message in front of its first one is looked for."""
LOOK_AHEAD: Final = MINUTE
"""How long after a window messages are looked for that were numbered within it."""
SKEW: Final = 5 * SECOND
"""How far the clock of a service may be off; what arrives that close to its reports counts."""
MAX_GAPS: Final = 1000


@dataclass(frozen=True, slots=True)
class Settled:
    """Up to when it is decided what arrived: unix nanoseconds per signal.

    A message that arrived before and is not in the store is missing. 0: nothing is decided.
    """

    of: Mapping[Signal, int]

    @property
    def everywhere(self) -> int:
        """The earliest of them."""
        return min(self.of.values(), default=0)

    def listed(self) -> list[int]:
        """Return them in the order that the SQL files expect."""
        return [self.of.get(signal, 0) for signal in (Signal.TRACES, Signal.LOGS, Signal.METRICS)]


class Books:
    """Reads the books. Calls block: use them in threads."""

    def __init__(self, queries: Queries, settled: Settled) -> None:
        """Read with `queries`; what is younger than `settled` is still on its way."""
        self._queries = queries
        self._settled = settled

    def accounts(self, span: Window, in_flight: Mapping[Signal, int]) -> Accounts:
        """Return the accounts of what arrived in the window; `in_flight` is as of now."""
        accounts = Accounts()
        accounts.arrived(self._queries.rows("ledger", span.parameters()))
        accounts.duplicated(self._queries.rows("ledger_duplicates", span.parameters()))
        accounts.dead_letters(self._queries.rows("ledger_dead_letters", span.parameters()))
        collectors = self.collectors(span)
        for row in collectors:
            if row["outcome"] == "rejected":
                accounts.rejected(row["signal"], row["service"], row["reason"], row["records"])
        self._enter_losses(accounts, span, collectors)
        for signal in Signal:
            now = in_flight.get(signal, 0) if span.end > self._settled.of.get(signal, 0) else 0
            accounts.in_flight(signal, now)
        for (signal_name, service), counts in self._sdks(span).items():
            accounts.sdk(signal_name, service, counts)
        return accounts

    def gaps(self, span: Window, limit: int = MAX_GAPS) -> list[dict[str, Any]]:
        """Return the gaps in the sequences of the origins, the last one first."""
        return self._queries.rows(
            "ledger_gaps",
            self._around(span) | {"limit": limit},
            select=statement("ledger_gaps_rows"),
        )

    def origins(self, span: Window) -> list[dict[str, Any]]:
        """Return what arrived of each origin and signal."""
        return self._queries.rows("ledger_origins", span.parameters())

    def collectors(self, span: Window) -> list[dict[str, Any]]:
        """Return what each collector says it did in the window, by signal, outcome and reason."""
        until = min(span.end, self._settled.everywhere)
        if until <= span.start:
            return []
        return self._queries.rows("ledger_collectors", {"start": span.start, "until": until})

    def gap_totals(self, span: Window) -> list[dict[str, Any]]:
        """Return missing and pending messages per signal and origin."""
        return self._queries.rows(
            "ledger_gaps", self._around(span), select=statement("ledger_gaps_totals")
        )

    def skipped(self, span: Window) -> dict[str, int]:
        """Return per signal how many messages the bus removed before they were read."""
        rows = self._queries.rows("ledger_skipped", span.parameters())
        return {row["signal"]: row["messages"] for row in rows}

    def _around(self, span: Window) -> dict[str, Any]:
        return {
            **span.parameters(),
            "since": max(0, span.start - LOOK_BACK),
            "until": span.end + LOOK_AHEAD,
            "settled": self._settled.listed(),
        }

    def _enter_losses(
        self, accounts: Accounts, span: Window, collectors: Sequence[Mapping[str, Any]]
    ) -> None:
        totals = self.gap_totals(span)
        missing = {(row["signal"], row["origin"]) for row in totals if row["state"] == "missing"}
        forwarded = [
            row
            for row in collectors
            if row["outcome"] == "forwarded" and (row["signal"], row["origin"]) in missing
        ]
        arrived = self._arrivals("ledger_origin_arrivals", _bounds(forwarded, "origin"))
        records: dict[str, int] = defaultdict(int)
        for row in forwarded:
            found = arrived.get((row["signal"], row["origin"]), {"records": 0})
            records[row["signal"]] += max(0, row["records"] - found["records"])
        expired = self.skipped(span)
        for signal in Signal:
            lost = Lost(
                messages=_sum(totals, signal, "missing"),
                pending=_sum(totals, signal, "pending", "unacknowledged"),
                records=records[signal.value],
                expired=expired.get(signal.value, 0),
            )
            accounts.lost(signal, lost)

    def _sdks(self, span: Window) -> dict[tuple[str, str], SdkCounts]:
        until = min(span.end, self._settled.everywhere)
        if until <= span.start:
            return {}
        rows = self._queries.rows("ledger_sdks", {"start": span.start, "until": until})
        said: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
        for row in rows:
            said[row["signal"], row["service"]].append(row)
        delivered = [row for row in rows if row["what"] == "delivered"]
        bounds = _bounds(delivered, "service", margin=SKEW, beyond=span.end)
        arrived = self._arrivals("ledger_service_arrivals", bounds)
        nothing = {"records": 0, "later": 0}
        return {key: _sdk_counts(one, arrived.get(key, nothing)) for key, one in said.items()}

    def _arrivals(
        self, name: str, bounds: Mapping[str, Any]
    ) -> dict[tuple[str, str], Mapping[str, int]]:
        if not bounds["keys"]:
            return {}
        rows = self._queries.rows(name, bounds)
        return {(row["signal"], row["key"]): row for row in rows}


def _bounds(
    rows: Iterable[Mapping[str, Any]], key: str, *, margin: int = 0, beyond: int = 0
) -> dict[str, Any]:
    """Return the parameters that ask for arrivals between the reports in `rows`."""
    rows = list(rows)
    froms = [max(0, row["from"] - margin) for row in rows]
    untils = [row["upto"] + margin for row in rows]
    return {
        "signals": [row["signal"] for row in rows],
        "keys": [row[key] for row in rows],
        "froms": froms,
        "untils": untils,
        "start": min(froms, default=0),
        "end": max([beyond, *untils]),
    }


def _sdk_counts(rows: Sequence[Mapping[str, Any]], arrived: Mapping[str, int]) -> SdkCounts:
    counts = {row["what"]: row["records"] for row in rows if row["what"] != "dropped"}
    delivered = counts.get("delivered", 0)
    before = sum(row["waiting_before"] for row in rows)
    waiting = counts.get("queued", 0) + counts.get("sending", 0)
    gone = counts.get("gone", 0)
    # What has come in since the last report may be what waited then.
    waiting_now = max(0, waiting - arrived["later"])
    gone_now = max(0, gone - max(0, arrived["later"] - waiting))
    dropped = {row["reason"]: row["records"] for row in rows if row["what"] == "dropped"}
    return SdkCounts(
        sampled_out=max(0, counts.get("sampled_out", 0)),
        dropped={reason: records for reason, records in dropped.items() if records > 0},
        missing=max(0, delivered - arrived["records"] - before),
        waiting=waiting_now,
        gone=gone_now,
    )


def _sum(totals: Iterable[Mapping[str, Any]], signal: Signal, *states: str) -> int:
    return sum(
        row["messages"]
        for row in totals
        if row["signal"] == signal.value and row["state"] in states
    )
