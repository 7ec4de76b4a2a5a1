"""The promise: what was acknowledged is stored exactly once, whenever the process was killed."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pytest
from tests.end_to_end import books
from tests.end_to_end.running import ANY_PORTS, SIGHTLINE, Running, environment
from tests.end_to_end.writers import Writers

from sightline_core.wire.names import Signal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.end_to_end.numbered import Numbered
    from tests.end_to_end.writers import Sent

SEED: Final = "SIGHTLINE_TEST_SEED"
SETTINGS: Final = {"SIGHTLINE_BATCH_MAX_SECONDS": "0.05"}
"""An insert is nearly always under way, so that kills hit inserts."""


@dataclass
class Kills:
    """Counts what the kills interrupted."""

    serving: int = 0
    starting: int = 0
    intents: int = 0
    """Inserts that were under way, over all kills and partitions."""
    during_insert: int = 0
    """Kills that hit at least one insert."""
    lines_without_part: int = 0
    parts_without_line: int = 0
    restart_seconds: list[float] = field(default_factory=list)

    def died(self, data_dir: Path) -> None:
        """Look at what a killed process left."""
        found = intents(data_dir)
        self.intents += found
        self.during_insert += found > 0


@pytest.mark.timeout(300)
def test_what_was_acknowledged_is_stored_exactly_once_after_six_kills(tmp_path: Path) -> None:
    kill_repeatedly(tmp_path / "data", kills=6, longest_life=4.0)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_what_was_acknowledged_is_stored_exactly_once_after_sixty_kills(tmp_path: Path) -> None:
    kill_repeatedly(tmp_path / "data", kills=60, longest_life=10.0)


def kill_repeatedly(data_dir: Path, *, kills: int, longest_life: float) -> None:
    seed = int(os.environ.get(SEED, random.SystemRandom().randrange(2**32)))
    print(f"{SEED}={seed}")  # noqa: T201 - to run it again
    chance = random.Random(seed)
    statistics = Kills()
    writers = Writers(seed)
    running: Running | None = None
    try:
        for number in range(kills):
            running = start(data_dir, statistics)
            acknowledged = len(writers.sent.acknowledged)
            writers.point_at(running)
            writers.wait_acknowledged(acknowledged + 1, seconds=30)
            time.sleep(chance.uniform(0, longest_life))  # the random moment
            if number % 2:
                wait_for_an_insert(data_dir, chance)
            running.kill()
            writers.point_at(None)
            statistics.serving += 1
            statistics.died(data_dir)
            if number % 3 == 0:
                kill_while_it_starts(data_dir, chance.uniform(0.2, 3.0))
                statistics.starting += 1
                statistics.died(data_dir)
        running = start(data_dir, statistics)
        writers.stop()
        running.wait_drained(seconds=120)
        check_api(running, writers.sent)
        running.stop()
    finally:
        writers.stop()
        if running is not None and running.process.poll() is None:
            running.kill()
    print(statistics)  # noqa: T201 - what the kills hit
    check_store(data_dir, writers.sent)


def start(data_dir: Path, statistics: Kills) -> Running:
    began = time.monotonic()
    running = Running(data_dir, settings=SETTINGS)
    statistics.restart_seconds.append(round(time.monotonic() - began, 1))
    statistics.lines_without_part += running.stderr.count("was never stored")
    statistics.parts_without_line += running.stderr.count("setting aside part")
    return running


def kill_while_it_starts(data_dir: Path, seconds: float) -> None:
    """Recovery and the replay of the last batches are interrupted too."""
    process = subprocess.Popen(
        [str(SIGHTLINE), "up", "--data-dir", str(data_dir), "--port", "0"],
        env=environment(ANY_PORTS | SETTINGS),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(seconds)  # the random moment
    process.kill()
    process.wait()


def wait_for_an_insert(data_dir: Path, chance: random.Random) -> None:
    """Return when an insert is about to publish its part of some table, or after two seconds.

    The line in the table's deduplication log comes first, the part a moment later.
    """
    logs = sorted(data_dir.glob("store/store/*/*/deduplication_logs/*.txt"))
    aim = chance.choice(logs)
    size, deadline = aim.stat().st_size, time.monotonic() + 2
    while time.monotonic() < deadline and aim.exists() and aim.stat().st_size == size:
        pass


def intents(data_dir: Path) -> int:
    """Return in how many partitions a batch was between its intent and its commit."""
    path = data_dir / "bus" / "bus.sqlite"
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        [(count,)] = connection.execute("SELECT count(*) FROM progress WHERE metadata != ''")
    finally:
        connection.close()
    return int(count)


def check_api(running: Running, sent: Sent) -> None:
    """The ledger balances, and acknowledged traces are there with all their spans."""
    stored: Counter[str] = Counter()
    for row in running.get("/ledger")["items"]:
        assert row["in_flight"] == 0, row
        assert row["unexplained"] in {0, None}, row
        stored[row["signal"]] += row["stored"] + row["quarantined"]
    for signal in Signal:
        accepted = sum(one.records for one in sent.acknowledged if one.signal is signal)
        lost = sum(one.records for one in sent.lost if one.signal is signal)
        assert accepted <= stored[signal.value] <= accepted + lost
    traces = [one for one in sent.acknowledged if one.signal is Signal.TRACES]
    for request in traces[:: max(1, len(traces) // 10)]:
        assert spans_in(running, request) == request.records


def spans_in(running: Running, request: Numbered) -> int:
    return sum(int(running.get(f"/traces/{one}")["span_count"]) for one in request.trace_ids)


def check_store(data_dir: Path, sent: Sent) -> None:
    found = read_books(data_dir)
    problems = [
        f"{kind}: {problem}"
        for kind, requests, may_be_missing in (
            ("acknowledged", sent.acknowledged, False),
            ("lost", sent.lost, True),
        )
        for request in requests
        if (problem := wrong(request, found["stored"], may_be_missing=may_be_missing))
    ]
    known = {request.name for request in [*sent.acknowledged, *sent.lost]}
    strangers = {name for table in found["stored"].values() for name in table} - known
    print(  # noqa: T201 - how much was at stake
        f"{len(sent.acknowledged)} requests acknowledged ({sent.records} records),"
        f" {len(sent.lost)} without an answer"
    )
    assert not problems, f"{len(problems)} wrong, such as {problems[:5]}"
    assert not strangers
    assert not {name: row for name, row in found["rolled"].items() if row["wrong"]}
    assert all(row["groups"] for row in found["rolled"].values()), found["rolled"]


def wrong(request: Numbered, stored: dict[str, Any], *, may_be_missing: bool) -> str:
    """Say what is wrong with a request's records; nothing when all is well."""
    table = stored[request.signal.value].get(request.name, [0, 0])
    quarantine = stored["quarantine"].get(request.name, [0, 0])
    kept = request.records - request.quarantined
    if table == [kept, kept] and quarantine == [request.quarantined] * 2:
        return ""
    if may_be_missing and table == quarantine == [0, 0]:
        return ""
    return (
        f"{request.signal} {request.name}: {kept} + {request.quarantined} sent,"
        f" stored (and different) {table}, in quarantine {quarantine}"
    )


def read_books(data_dir: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, books.__file__, str(data_dir)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
