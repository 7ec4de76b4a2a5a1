"""How the books are balanced: all that is said, in one equation per service and signal.

created = stored + sampled out + dropped + quarantined + dead-lettered + in flight + unexplained

`created` is what those who counted first say was made. What nobody counted before it arrived enters
the books on arrival. docs/ledger.md explains each column and when the equation is exact.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sightline_core.wire.names import Signal

EVERY_SERVICE = ""
"""What is said of whole messages, whose services nobody knows."""
TOLD_REJECTED = "rejected"
"""Reason under which an SDK may count what a collector says that it rejected."""

Hop = Literal["sdk", "collector", "bus", "operator"]


@dataclass(slots=True)
class Account:
    """Records of one service and signal; all columns but `unexplained` are 0 or more.

    Attributes:
        dropped: by hop and reason.
        missing_messages: gaps in the sequences of origins that are settled; on `EVERY_SERVICE`.
        pending_messages: gaps that may still close.
        duplicated: records that are stored once too often; they make `unexplained` smaller.
        counted_by: who counted first: the SDK of the service, else the collector.
    """

    stored: int = 0
    sampled_out: int = 0
    dropped: Counter[tuple[Hop, str]] = field(default_factory=Counter)
    quarantined: int = 0
    dead_lettered: int = 0
    in_flight: int = 0
    unexplained: int = 0
    missing_messages: int = 0
    pending_messages: int = 0
    duplicated: int = 0
    counted_by: Literal["sdk", "collector"] = "collector"

    @property
    def created(self) -> int:
        """What was made, as far as anybody counted."""
        return (
            self.stored
            + self.sampled_out
            + self.dropped.total()
            + self.quarantined
            + self.dead_lettered
            + self.in_flight
            + self.unexplained
        )


@dataclass(frozen=True, slots=True)
class SdkCounts:
    """What the SDKs of a service counted for a signal, against what arrived between their reports.

    Attributes:
        missing: delivered, by their own count, and neither arrived nor a dead letter of theirs.
        waiting: in their queues and requests at the last report, and not arrived since.
        gone: same, of processes that have not reported for minutes.
    """

    sampled_out: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    missing: int = 0
    waiting: int = 0
    gone: int = 0


@dataclass(frozen=True, slots=True)
class Lost:
    """What of a signal's messages is known to be missing, whatever service they were of.

    Attributes:
        messages: numbers missing from the sequences of origins, settled.
        pending: numbers that may still arrive.
        records: what the missing messages held, as their collectors counted; a lower bound.
        expired: messages that the bus removed before the pipeline read them.
    """

    messages: int = 0
    pending: int = 0
    records: int = 0
    expired: int = 0


class Accounts:
    """The accounts of all services and signals, while they are being filled."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._accounts: dict[tuple[str, str], Account] = defaultdict(Account)

    def of(self, signal: Signal | str, service: str = EVERY_SERVICE) -> Account:
        """Return an account, a new one if there is none yet."""
        return self._accounts[str(signal), service]

    def items(self) -> Iterable[tuple[tuple[str, str], Account]]:
        """Return ((signal, service), account), in order."""
        return sorted(self._accounts.items(), key=lambda item: item[0])

    def arrived(self, rows: Iterable[Mapping[str, int | str]]) -> None:
        """Enter what the store's ledger holds: declared, stored, quarantined."""
        for row in rows:
            account = self.of(str(row["signal"]), str(row["service"]))
            created, stored, bad = (int(row[key]) for key in ("created", "stored", "quarantined"))
            account.stored += stored
            account.quarantined += bad
            account.unexplained += created - stored - bad

    def duplicated(self, rows: Iterable[Mapping[str, int | str]]) -> None:
        """Enter records that are stored more than once: created once all the same."""
        for row in rows:
            account = self.of(str(row["signal"]), str(row["service"]))
            account.duplicated += int(row["records"])
            account.unexplained -= int(row["records"])

    def dead_letters(self, rows: Iterable[Mapping[str, int | str]]) -> None:
        """Enter dead letters: dead or parked ones wait, discarded ones are dropped on purpose.

        Those sent again are stored, on their way, or a gap in their sequence: the others say.
        """
        for row in rows:
            account = self.of(str(row["signal"]), str(row["service"]))
            if row["state"] == "discarded":
                account.dropped["operator", "discarded"] += int(row["records"])
            elif row["state"] != "redriven":
                account.dead_lettered += int(row["records"])

    def rejected(self, signal: str, service: str, reason: str, records: int) -> None:
        """Enter records that a collector refused for good and said so to the sender."""
        if records:
            self.of(signal, service).dropped["collector", reason] += records

    def in_flight(self, signal: str, messages: int) -> None:
        """Enter messages on the bus; each counts once, as nobody has looked into it."""
        self.of(signal).in_flight += messages

    def lost(self, signal: str, lost: Lost) -> None:
        """Enter the missing messages; those that the bus removed have that as their reason."""
        account = self.of(signal)
        account.missing_messages += lost.messages
        account.pending_messages += lost.pending
        records = max(lost.messages, lost.records) if lost.messages else 0
        known = min(lost.expired, lost.messages)
        explained = records * known // lost.messages if lost.messages else 0
        if expired := explained + lost.expired - known:
            account.dropped["bus", "expired"] += expired
        account.unexplained += records - explained

    def sdk(self, signal: str, service: str, counts: SdkCounts) -> None:
        """Enter what a service's SDKs counted.

        What they delivered and did not arrive is looked for among what collectors rejected, and
        among what nobody could name the service of: dead letters, drops, gaps. Only the rest is
        unexplained. Enter everything else first.
        """
        account = self.of(signal, service)
        account.counted_by = "sdk"
        account.sampled_out += counts.sampled_out
        account.in_flight += counts.waiting
        rejected = sum(n for (hop, _), n in account.dropped.items() if hop == "collector")
        for reason, records in counts.dropped.items():
            twice = min(rejected, records) if reason == TOLD_REJECTED else 0
            rejected -= twice
            account.dropped["sdk", reason] += records - twice
        if counts.gone:
            account.dropped["sdk", "process_gone"] += counts.gone
        account.unexplained += self._found(
            account, self.of(signal), max(0, counts.missing - rejected)
        )

    def _found(self, account: Account, nameless: Account, missing: int) -> int:
        """Move what is missing here and stands there without a name; return what is left."""
        if account is nameless:
            return missing
        left = missing
        part = min(left, nameless.dead_lettered)
        nameless.dead_lettered -= part
        account.dead_lettered += part
        left -= part
        for key in list(nameless.dropped):
            part = min(left, nameless.dropped[key])
            nameless.dropped[key] -= part
            if part:
                account.dropped[key] += part
            left -= part
        part = min(left, max(0, nameless.unexplained))
        nameless.unexplained -= part
        return left
