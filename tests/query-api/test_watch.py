"""The hours that the alerts remember, and the lag that nobody reports."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.ledger.simulated import SECOND, Shop

from sightline_core.bus.memory import MemoryBus
from sightline_core.wire.names import Signal
from sightline_query_api.accounts import Accounts
from sightline_query_api.alerts import alerts_of
from sightline_query_api.backend import Queries
from sightline_query_api.books import Books, Settled
from sightline_query_api.completeness import Progress, ProgressReader
from sightline_query_api.components import Reports
from sightline_query_api.watch import PAST_HOURS, Check, PastBooks

if TYPE_CHECKING:
    from sightline_core.store.client import Store

HOUR = 3600 * SECOND


def test_a_loss_of_hours_ago_still_fires(store: Store) -> None:
    start = time.time_ns() // HOUR * HOUR - 5 * HOUR
    shop = Shop(store, start, f"watch-{time.time_ns()}")
    service = f"watched-{time.time_ns()}"
    for fate in ("stored", "missing", "stored"):
        shop.message(service, 2, fate)
    shop.insert()
    shop.report()
    shop.sdk(service)
    now = time.time_ns()
    settled = Settled(dict.fromkeys(Signal, now))
    past = PastBooks()
    books = Books(Queries(store), settled)
    for _ in range(PAST_HOURS):  # an hour a check
        found = past.unexplained(books, settled, now - HOUR)
    assert [(one.hour, one.records) for one in found if one.service == service] == [(start, 2)]
    check = Check(now, Accounts(), found, Reports([], []), {})
    assert any(alert.service == service for alert in alerts_of(check))


def test_a_lag_fires_although_no_pipeline_is_left_to_report_it() -> None:
    now = time.time_ns()
    behind = Progress(now - 120 * SECOND, now, in_flight_messages=3)
    check = Check(now, Accounts(), [], Reports([], []), {Signal.LOGS: behind})
    (alert,) = alerts_of(check)
    assert (alert.name, alert.severity, alert.signal) == ("pipeline_behind", "critical", "logs")


async def test_progress_is_unknown_without_a_topic_and_beyond_its_end() -> None:
    bus = MemoryBus()
    reader = ProgressReader(bus, seconds=0)
    assert (await reader.of(Signal.LOGS)).watermark is None
    await bus.create_topic(Signal.LOGS.topic, partitions=1)
    assert (await reader.of(Signal.LOGS)).watermark is not None
