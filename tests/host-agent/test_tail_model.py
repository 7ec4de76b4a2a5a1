"""Random lives of a log file: every line once, unless it was cut off before it was read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sightline_agent.spool import Spool, SpoolFull
from sightline_agent.tail import REST_SECONDS, Tailer

if TYPE_CHECKING:
    from pathlib import Path

STEPS = ("write", "write", "half", "rotate", "delete", "truncate", "read", "full", "pause", "kill")


class Host:
    """A log file, its writer, and an agent that can be killed."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.log = folder / "app.log"
        self.spool_file = folder / "agent.sqlite"
        self.pattern = str(folder / "app.log*")
        self.now = 0.0
        self.written: list[bytes] = []
        self.got: list[bytes] = []
        self.begun = b""
        self.half_written = False
        self.rotations = 0
        self.start()

    def start(self) -> None:
        self.spool = Spool(self.spool_file, max_bytes=1 << 30)
        self.tailer = Tailer([self.pattern], self.spool.checkpoints(), clock=lambda: self.now)

    def write(self) -> None:
        line = self.begun or b"line %d " % len(self.written)
        self.begun = b""
        with self.log.open("ab") as file:
            file.write((b"" if self.half_written else line) + b"end\n")
        self.half_written = False
        self.written.append(line + b"end")

    def half(self) -> None:
        if not self.half_written:
            self.begun = b"line %d " % len(self.written)
            with self.log.open("ab") as file:
                file.write(self.begun)
            self.half_written = True

    def rotate(self) -> None:
        if self.log.exists():
            self._finish()
            self.rotations += 1
            self.log.rename(self.log.with_name(f"app.log.{self.rotations}"))

    def delete(self) -> None:
        if self.log.exists():
            self._finish()
            self.look_and_read()  # a file that nobody has open is gone with its name
            self.log.unlink()

    def truncate(self) -> None:
        if self.log.exists():
            self._finish()
            self.look_and_read()
            os.truncate(self.log, 0)
            self.look_and_read()  # shorter than what was read: seen

    def _finish(self) -> None:
        if self.half_written:
            self.write()

    def read(self) -> None:
        self.look_and_read()

    def full(self) -> None:
        """Read, but the spool has no room."""
        self.tailer.look()
        list(self.tailer.read(1 << 20))

    def pause(self) -> None:
        self.now += REST_SECONDS / 2

    def kill(self) -> None:
        self.tailer.close()
        self.spool.close()
        self.start()

    def look_and_read(self) -> None:
        self.tailer.look()
        for key in self.tailer.close_finished():
            self.spool.forget(*key)
        reads = list(self.tailer.read(1 << 20))
        lines = [line for read in reads for line in read.lines]
        try:
            self.spool.append(b"\n".join(lines), len(lines), [each.checkpoint for each in reads])
        except SpoolFull as error:
            raise AssertionError from error
        for read in reads:
            self.tailer.keep(read.checkpoint)

    def arrived(self) -> list[bytes]:
        while entry := self.spool.first():
            self.got += entry.payload.split(b"\n")
            self.spool.sent(entry)
        return self.got


@hypothesis_settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(st.sampled_from(STEPS), min_size=5, max_size=40))
def test_every_line_arrives_once(tmp_path: Path, steps: list[str]) -> None:
    host = Host(tmp_path / str(len(list(tmp_path.iterdir()))))
    try:
        for step in steps:
            getattr(host, step)()
        host._finish()
        host.look_and_read()
        host.look_and_read()
        assert sorted(host.arrived()) == sorted(host.written)
        assert host.spool.state().accepted == len(host.written)
    finally:
        host.tailer.close()
        host.spool.close()
