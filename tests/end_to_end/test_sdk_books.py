"""The books from the first count to the last: what a real SDK creates, the store has."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest
from tests.end_to_end.running import Running, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

QUEUE = 10
MESSAGE_BYTES = 64 << 10
SETTINGS = {
    "SIGHTLINE_LEDGER_SETTLE_SECONDS": "0.5",
    "SIGHTLINE_SELF_REPORT_SECONDS": "0.2",
    "SIGHTLINE_BATCH_MAX_SECONDS": "0.1",
    "SIGHTLINE_BUS_MAX_MESSAGE_BYTES": str(MESSAGE_BYTES),
}
COUNTED_ELSEWHERE = (
    "stored", "sampled_out", "dropped", "quarantined", "dead_lettered", "in_flight", "unexplained",
)  # fmt: skip


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("books") / "data", settings=SETTINGS) as started:
        yield started


class Service:
    """A process with an SDK that does what it is told, and whose telemetry is all sent."""

    def __init__(self, running: Running, name: str, **variables: str) -> None:
        """Start it."""
        script = str(Path(__file__).with_name("counted_service.py"))
        self._process = subprocess.Popen(
            [sys.executable, script, running.otlp_http, name], env=environment(variables),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def do(self, *steps: str) -> None:
        """Have it take these steps."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        for step in steps:
            print(step, file=self._process.stdin, flush=True)
            assert self._process.stdout.readline() == "done\n", step

    def __enter__(self) -> Self:
        """End it on leaving the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let it end, its last counts sent."""
        self._process.communicate(timeout=30)
        assert self._process.returncode == 0


def books(running: Running, service: str, began: int, created: dict[str, int]) -> dict[str, Any]:
    """Return the rows of a service by signal, when all that it created is judged and explained.

    The collector says what it rejected a moment after the SDK says what it delivered.
    """
    ended = datetime.now(UTC)

    def settled() -> dict[str, Any] | None:
        answer = running.get("/ledger", start=str(began), end=str(time.time_ns()))
        rows = {row["signal"]: row for row in answer["items"] if row["service"] == service}
        known = created.keys() <= rows.keys() and not any(
            rows[name]["unexplained"] for name in created
        )
        return rows if known and datetime.fromisoformat(answer["settled"]) > ended else None

    rows: dict[str, Any] = running.wait(settled, "books without a remainder", seconds=30)
    for row in rows.values():
        assert row["created"] == sum(row[name] for name in COUNTED_ELSEWHERE)
    assert {name: rows[name]["created"] for name in created} == created, rows
    return rows


def test_what_an_sdk_created_is_what_the_store_has(running: Running) -> None:
    began = time.time_ns()
    with Service(running, "till") as till:
        till.do("work 25", "flush", "work 5", "flush")
    rows = books(running, "till", began, {"traces": 30, "logs": 30})
    for name in ("traces", "logs"):
        row = rows[name]
        assert row["counted_by"] == "sdk", row
        assert (row["stored"], row["unexplained"], row["dropped"]) == (30, 0, 0), row


def test_what_is_dropped_on_the_way_is_named_by_hop_and_reason(running: Running) -> None:
    began = time.time_ns()
    small = {"OTEL_BSP_MAX_QUEUE_SIZE": str(QUEUE), "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": str(QUEUE)}
    with Service(running, "kiosk", **small) as kiosk:
        running.process.send_signal(signal.SIGSTOP)
        try:
            # One batch is being sent to somebody who does not answer, one is queued: 7 too many.
            kiosk.do(f"queue {QUEUE}", "taken", f"queue {QUEUE}", "queue 7")
        finally:
            running.process.send_signal(signal.SIGCONT)
        kiosk.do("flush", f"large {4 * MESSAGE_BYTES}", "work 2", "flush")
    rows = books(running, "kiosk", began, {"traces": 2 * QUEUE + 7 + 1 + 2, "logs": 2})
    assert rows["logs"]["stored"] == 2
    traces = rows["traces"]
    assert traces["counted_by"] == "sdk"
    dropped = {(drop["hop"], drop["reason"]): drop["records"] for drop in traces["dropped_by"]}
    assert dropped == {("sdk", "queue_full"): 7, ("collector", "too_large"): 1}
    assert (traces["stored"], traces["unexplained"]) == (2 * QUEUE + 2, 0), traces
