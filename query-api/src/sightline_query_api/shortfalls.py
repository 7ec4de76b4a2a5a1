"""What an answer lacks because it never came, was set aside, or could not be read (design D6)."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import Depends

from sightline_query_api.backend import Serving
from sightline_query_api.books import Books, Settled
from sightline_query_api.completeness import Shortcomings
from sightline_query_api.settling import AsSettled
from sightline_query_api.times import DAY, HOUR, SECOND, Window

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sightline_core.wire.names import Signal
    from sightline_query_api.backend import Backend, Queries

OPEN_SECONDS: Final = 5
"""How old the gaps of an hour may be that is not over or not settled."""
CLOSED_SECONDS: Final = 300
"""How old those of any other may be; a redriven message can still close one."""
SET_ASIDE_SECONDS: Final = 1
MAX_BUCKETS: Final = 4096
NUMBERED_LATE: Final = HOUR
"""How long after a window messages of it are looked for that were numbered and never came."""
NOTHING: Final = Shortcomings()


class GapCache:
    """The gaps by hour, day or month, so that an answer need not read the ledger.

    Used from many threads; a bucket that two ask for at once may be read twice.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self._buckets: OrderedDict[Window, tuple[float, list[dict[str, Any]]]] = OrderedDict()
        self._lock = threading.Lock()
        self._set_aside: tuple[float, frozenset[str]] = (0.0, frozenset())

    def set_aside(self, queries: Queries) -> frozenset[str]:
        """Return which tables of what was set aside hold anything; a second old at most."""
        until, known = self._set_aside
        now = time.monotonic()
        if now >= until:
            known = frozenset(row["name"] for row in queries.rows("set_aside", {}))
            self._set_aside = now + SET_ASIDE_SECONDS, known
        return known

    def find(self, books: Books, span: Window, settled: Settled) -> list[dict[str, Any]]:
        """Return the gaps that touch the window, each once."""
        step = HOUR if span.end - span.start <= 2 * DAY else DAY
        if span.end - span.start > 60 * DAY:
            step = 30 * DAY
        found = {}
        for start in range(span.start // step * step, span.end, step):
            for gap in self._bucket(books, Window(start, start + step), settled):
                if gap["before"] >= span.start and gap["after"] < span.end:
                    found[gap["signal"], gap["origin"], gap["first"]] = gap
        return list(found.values())

    def _bucket(self, books: Books, bucket: Window, settled: Settled) -> list[dict[str, Any]]:
        now = time.monotonic()
        with self._lock:
            known = self._buckets.get(bucket)
        if known is not None and now < known[0]:
            return known[1]
        gaps = books.gaps(bucket)
        closed = bucket.end < settled.everywhere and all(gap["state"] == "missing" for gap in gaps)
        with self._lock:
            self._buckets[bucket] = now + (CLOSED_SECONDS if closed else OPEN_SECONDS), gaps
            self._buckets.move_to_end(bucket)
            while len(self._buckets) > MAX_BUCKETS:
                self._buckets.popitem(last=False)
        return gaps


@dataclass(frozen=True, slots=True)
class ShortfallReader:
    """Finds what lacks in a window. Calls block: use them in threads."""

    backend: Backend
    settled: Settled

    def of(
        self,
        signals: Iterable[Signal],
        span: Window,
        *,
        service: str | None = None,
        lacks: Shortcomings = NOTHING,
    ) -> Shortcomings:
        """Return `lacks`, and what lacks of these signals in the window.

        With a service, what is known to be of others does not count; what nobody knows does.
        """
        names = [signal.value for signal in signals]
        queries, settings = self.backend.queries, self.backend.settings
        asked = {**self._arrival(span).parameters(), "signals": names}
        where = asked | {"service": service or ""}
        held = asked | {"held_ms": int(settings.bus_retention_seconds * 1000)}
        full = self.backend.gaps.set_aside(queries)
        quarantined = letters = skipped = 0
        if "sightline_quarantine" in full:
            quarantined = queries.row("lacking_quarantine", where)["records"]
        if "sightline_dead_letters" in full:
            letters = queries.row("lacking_dead_letters", where)["records"]
        if "sightline_gaps" in full:
            skipped = queries.row("lacking_skipped", held)["records"]
        kept = self._kept(Window(span.start, span.end + NUMBERED_LATE))
        gaps = []
        if kept is not None:
            gaps = self.backend.gaps.find(Books(queries, self.settled), kept, self.settled)
        missing = [gap for gap in gaps if gap["signal"] in names and gap["state"] == "missing"]
        return replace(
            lacks,
            quarantined=quarantined,
            dead_letters=letters,
            missing_messages=sum(gap["messages"] for gap in missing),
            skipped_messages=skipped,
        )

    def _arrival(self, span: Window) -> Window:
        """Return when a message may have come that holds records of the window."""
        settings = self.backend.settings
        early, late = settings.accept_future_seconds, settings.accept_past_seconds
        return Window(span.start - int(early * SECOND), span.end + int(late * SECOND))

    def _kept(self, span: Window) -> Window | None:
        """Return the part of the window that the store can hold anything of."""
        now = time.time_ns()
        oldest = now - self.backend.settings.retention_days * DAY
        start, end = max(span.start, oldest), min(span.end, now + SECOND)
        return Window(start, end) if start < end else None


def _shortfall(backend: Serving, settled: AsSettled) -> ShortfallReader:
    return ShortfallReader(backend, settled)


Shortfall = Annotated[ShortfallReader, Depends(_shortfall)]
