"""Keeps the service graph current: recomputes its recent minutes from the spans that are in."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sightline_core.errors import StoreError
from sightline_pipeline.landing import SQL

if TYPE_CHECKING:
    from collections.abc import Callable

    from sightline_core.store.client import Store

log = logging.getLogger(__name__)

PERIOD_SECONDS = 15.0
RECENT = timedelta(minutes=5)
SPANS_READ_WHOLE = 1_000_000
"""Above so many spans in the recent minutes, whole traces are sampled to about this number."""


async def keep_service_graph(store: Store, *, mine: Callable[[], bool] = lambda: True) -> None:
    """Refresh every `PERIOD_SECONDS` until cancelled; the next makes up for a failed one.

    Of several processes, only the one that says it is `mine` does so.
    """
    while True:
        try:
            if mine():
                await asyncio.to_thread(refresh_service_graph, store, datetime.now(UTC))
        except StoreError as error:
            log.warning("cannot refresh the service graph, trying again: %s", error)
        await asyncio.sleep(PERIOD_SECONDS)


def refresh_service_graph(store: Store, now: datetime, recent: timedelta = RECENT) -> None:
    """Recompute the minutes of the `recent` past; spans that come late correct them.

    Raises:
        StoreError: nothing was changed.
    """
    start = (now - recent).replace(second=0, microsecond=0)
    window = {"from": start, "to": now + timedelta(minutes=1)}
    spans = store.rows((SQL / "recent_spans.sql").read_text(encoding="utf-8"), window)[0]["spans"]
    if spans:
        sample = max(1, int(spans) // SPANS_READ_WHOLE)
        statement = (SQL / "service_graph.sql").read_text(encoding="utf-8")
        store.command(statement, parameters={**window, "sample": sample})
