"""Looks after the pipeline: the books of the last day, its processes, its lag."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from starlette.concurrency import run_in_threadpool

from sightline_core.wire.names import Signal
from sightline_query_api.books import Books
from sightline_query_api.components import Reports, read_reports
from sightline_query_api.settling import in_flight, settled
from sightline_query_api.times import HOUR, Window

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sightline_query_api.accounts import Accounts
    from sightline_query_api.backend import Backend
    from sightline_query_api.books import Settled
    from sightline_query_api.completeness import Progress

WINDOW: Final = HOUR
"""How far back from what is settled the books are checked each time."""
PAST_HOURS: Final = 24
"""How many whole hours before that are remembered."""
FRESH_SECONDS: Final = 10
"""How long a check holds; it may take long itself when there is much to read."""
AGAIN_SECONDS: Final = 300
"""When an hour that does not balance is read again; a redriven message may have mended it."""


class Unexplained(NamedTuple):
    """Records of an hour that is over, of which nobody says where they went."""

    hour: int
    signal: str
    service: str
    records: int


@dataclass(frozen=True, slots=True)
class Check:
    """What was found at a moment.

    Attributes:
        at: the moment, unix nanoseconds.
        accounts: the books from an hour before what is settled until now.
        past: what does not balance in the hours before.
        progress: how far the pipeline is, asked of the bus and not of its own reports.
    """

    at: int
    accounts: Accounts
    past: list[Unexplained]
    reports: Reports
    progress: Mapping[Signal, Progress]


class PastBooks:
    """The hours before the one that is checked each time; reads one hour a check at most."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._hours: dict[int, list[Unexplained]] = {}
        self._read: dict[int, float] = {}

    def unexplained(self, books: Books, settled: Settled, until: int) -> list[Unexplained]:
        """Return what is known not to balance in the hours that end before `until`. Blocks."""
        last = until // HOUR * HOUR - HOUR
        hours = range(last, last - PAST_HOURS * HOUR, -HOUR)
        for forgotten in self._hours.keys() - set(hours):
            del self._hours[forgotten], self._read[forgotten]
        due = (hour for hour in hours if self._due(hour) and hour + HOUR <= settled.everywhere)
        if (hour := next(due, None)) is not None:
            accounts = books.accounts(Window(hour, hour + HOUR), {})
            self._hours[hour] = [
                Unexplained(hour, signal, service, account.unexplained)
                for (signal, service), account in accounts.items()
                if account.unexplained
            ]
            self._read[hour] = time.monotonic()
        return [one for found in self._hours.values() for one in found]

    def _due(self, hour: int) -> bool:
        if hour not in self._hours:
            return True
        return bool(self._hours[hour]) and time.monotonic() - self._read[hour] > AGAIN_SECONDS


class Watch:
    """Checks when asked, at most once in `FRESH_SECONDS`."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._last: Check | None = None
        self._until = 0.0
        self._past = PastBooks()
        self._lock = asyncio.Lock()

    async def check(self, backend: Backend) -> Check:
        """Return a fresh check."""
        async with self._lock:
            if self._last and time.monotonic() < self._until:
                return self._last
            now = time.time_ns()
            waiting = await in_flight(backend)
            progress = {signal: await backend.progress.of(signal) for signal in Signal}
            decided = await settled(backend)
            books = Books(backend.queries, decided)
            # From what is settled on: while the pipeline is hours behind, now says nothing yet.
            start = max(min(now, decided.everywhere or now), now - PAST_HOURS * HOUR) - WINDOW
            accounts = await run_in_threadpool(books.accounts, Window(start, now), waiting)
            past = await run_in_threadpool(self._past.unexplained, books, decided, start)
            reports = await run_in_threadpool(read_reports, backend.queries)
            self._last = Check(now, accounts, past, reports, progress)
            self._until = time.monotonic() + FRESH_SECONDS
            return self._last
