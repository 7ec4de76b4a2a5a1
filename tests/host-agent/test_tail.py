"""The tailer in the situations that other agents lost lines in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sightline_agent.tail import MAX_LINE_BYTES, REST_SECONDS, Tailer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Reader:
    """A tailer whose reads are always kept, and a clock that tests turn."""

    def __init__(self, log: Path) -> None:
        self.now = 0.0
        self.tailer = Tailer([str(log)], [], clock=lambda: self.now)

    def lines(self) -> list[bytes]:
        self.tailer.look()
        found: list[bytes] = []
        for read in self.tailer.read(8 << 20):
            self.tailer.keep(read.checkpoint)
            found += read.lines
        return found


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


@pytest.fixture
def reader(log: Path) -> Iterator[Reader]:
    made = Reader(log)
    yield made
    made.tailer.close()


def test_a_line_without_its_end_waits(log: Path, reader: Reader) -> None:
    log.write_bytes(b"one\ntw")
    assert reader.lines() == [b"one"]
    with log.open("ab") as file:
        file.write(b"o\n")
    assert reader.lines() == [b"two"]


def test_a_file_that_was_cut_and_outgrew_its_old_size_is_read_from_its_start(
    log: Path, reader: Reader
) -> None:
    log.write_bytes(b"old 1\nold 2\n")
    reader.lines()
    log.write_bytes(b"new 1\nnew 2\nnew 3\n")  # same inode, longer than before
    assert reader.lines() == [b"new 1", b"new 2", b"new 3"]
    assert reader.tailer.truncations == 1


def test_what_a_writer_adds_after_its_file_was_deleted_arrives(log: Path, reader: Reader) -> None:
    with log.open("wb", buffering=0) as file:
        file.write(b"before\n")
        assert reader.lines() == [b"before"]
        log.unlink()
        file.write(b"after\nlast words")
    assert reader.lines() == [b"after"]
    reader.now += REST_SECONDS
    assert reader.lines() == [b"last words"]
    reader.now += REST_SECONDS
    assert len(reader.tailer.close_finished()) == 1
    assert reader.tailer.open_files == 0


def test_a_file_that_got_its_name_back_is_not_read_twice(log: Path, reader: Reader) -> None:
    log.write_bytes(b"one\n")
    assert reader.lines() == [b"one"]
    away = log.rename(log.with_name("away"))
    assert reader.lines() == []
    reader.now += REST_SECONDS
    assert reader.tailer.close_finished() == []
    assert reader.tailer.open_files == 0
    away.rename(log)
    assert reader.lines() == []


def test_a_long_line_arrives_in_pieces(log: Path, reader: Reader) -> None:
    line = bytes(range(97, 123)) * 30_000
    log.write_bytes(line)
    got = reader.lines()
    with log.open("ab") as file:
        file.write(b"\nnext\n")
    while more := reader.lines():
        got += more
    assert got.pop() == b"next"
    assert b"".join(got) == line
    assert max(map(len, got)) == MAX_LINE_BYTES


def test_ends_marks_and_holes_are_no_part_of_a_line(log: Path, reader: Reader) -> None:
    log.write_bytes(b"\xef\xbb\xbfone\r\n\n\0\0\0two\n")
    assert reader.lines() == [b"one", b"two"]
