"""The spool: what it took is there after anything, whole and in order, or counted."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections import deque
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from sightline_agent.spool import Checkpoint, Spool, SpoolFull
from sightline_core.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 100


class Model(RuleBasedStateMachine):
    """A spool next to a queue in memory."""

    path: Path
    made = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).made += 1
        self.file = self.path / f"{self.made}.sqlite"
        self.spool = Spool(self.file, max_bytes=LIMIT)
        self.waiting: deque[bytes] = deque()
        self.offset = 0
        self.accepted = self.sent = self.corrupt = 0

    @rule(payload=st.binary(min_size=1, max_size=40))
    def append(self, payload: bytes) -> None:
        checkpoint = Checkpoint(1, 2, 3, 4, self.offset + len(payload))
        if sum(map(len, self.waiting)) + len(payload) > LIMIT:
            with pytest.raises(SpoolFull):
                self.spool.append(payload, 1, [checkpoint])
            return
        self.spool.append(payload, 1, [checkpoint])
        self.waiting.append(payload)
        self.offset += len(payload)
        self.accepted += 1

    @rule()
    def send(self) -> None:
        entry = self.spool.first()
        assert (entry.payload if entry else None) == (self.waiting[0] if self.waiting else None)
        if entry:
            self.spool.sent(entry)
            self.waiting.popleft()
            self.sent += 1

    @rule()
    def damage_the_oldest(self) -> None:
        if self.waiting:
            self.spool.close()
            with sqlite3.connect(self.file) as db:
                db.execute(
                    "UPDATE entries SET payload = payload || x'00' "
                    "WHERE number = (SELECT min(number) FROM entries)"
                )
            db.close()
            self.spool = Spool(self.file, max_bytes=LIMIT)
            self.waiting.popleft()
            self.corrupt += 1
            self.spool.first()

    @rule()
    def restart(self) -> None:
        self.spool.close()
        self.spool = Spool(self.file, max_bytes=LIMIT)

    @invariant()
    def the_books_balance(self) -> None:
        state = self.spool.state()
        assert state.accepted == self.accepted
        assert state.sent == self.sent
        assert state.dropped == ({"corrupt": self.corrupt} if self.corrupt else {})
        assert state.records == len(self.waiting)
        assert [each.offset for each in self.spool.checkpoints()] == [self.offset] * (
            self.offset > 0
        )

    def teardown(self) -> None:
        self.spool.close()


def test_it_is_a_queue_that_survives_restarts_and_counts_damage(tmp_path: Path) -> None:
    Model.path = tmp_path
    run_machine(
        Model, settings=hypothesis_settings(max_examples=40, stateful_step_count=25, deadline=None)
    )


WRITER = """
import sys
from pathlib import Path
from sightline_agent.spool import Checkpoint, Spool
spool = Spool(Path(sys.argv[1]), max_bytes=1 << 30)
for number in range(1, 1 << 30):
    spool.append(b"%d" % number, 1, [Checkpoint(1, 1, 0, 0, number)])
    print(number, flush=True)
"""


def test_a_killed_agent_keeps_what_it_took_and_its_checkpoint_agrees(tmp_path: Path) -> None:
    path = tmp_path / "agent.sqlite"
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout
    told = 0
    while told < 50:
        told = int(writer.stdout.readline())
    os.kill(writer.pid, signal.SIGKILL)
    told = int(([str(told), *writer.stdout.read().split()])[-1])
    writer.wait()
    writer.stdout.close()
    with Spool(path, max_bytes=1 << 30) as spool:
        (checkpoint,) = spool.checkpoints()
        state = spool.state()
        assert checkpoint.offset == state.entries == state.accepted
        assert checkpoint.offset >= told
        for number in range(1, state.entries + 1):
            entry = spool.first()
            assert entry
            assert entry.payload == b"%d" % number
            spool.sent(entry)


def test_a_full_disk_takes_neither_data_nor_checkpoint(tmp_path: Path) -> None:
    with Spool(tmp_path / "agent.sqlite", max_bytes=1 << 30) as spool:
        spool.append(b"first", 1, [Checkpoint(1, 1, 0, 0, 5)])
        (pages,) = spool._db.execute("PRAGMA page_count").fetchone()
        spool._db.execute(f"PRAGMA max_page_count = {pages}")  # SQLITE_FULL, as a full disk gives
        with pytest.raises(SpoolFull, match="full"):
            spool.append(b"x" * 100_000, 1, [Checkpoint(1, 1, 0, 0, 100_005)])
        assert [each.offset for each in spool.checkpoints()] == [5]
        assert spool.state().records == 1


def test_what_waited_too_long_is_dropped_and_counted(tmp_path: Path) -> None:
    with Spool(tmp_path / "agent.sqlite", max_bytes=1 << 30) as spool:
        spool.append(b"old", 3, [])
        spool.expire(before=1e12)
        assert spool.first() is None
        assert spool.state().dropped == {"too_old": 3}


def test_a_second_agent_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "agent.sqlite"
    with Spool(path, max_bytes=1 << 30), pytest.raises(ConfigError, match="another agent"):
        Spool(path, max_bytes=1 << 30)
