"""What is particular to the bus on one SQLite file: ownership, durability, damage, memory."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from sightline_core.bus.byte_queue import ByteQueue
from sightline_core.bus.embedded import EmbeddedBus
from sightline_core.bus.protocol import Message, TopicPartition
from sightline_core.errors import BusError, BusLocked
from sightline_core.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

OWNER = """
import sys, time
from pathlib import Path
from sightline_core.bus.embedded import EmbeddedBus
bus = EmbeddedBus(Path(sys.argv[1]))
print("open", flush=True)
time.sleep(600)
"""


async def test_a_second_bus_of_the_same_process_is_locked_out(tmp_path: Path) -> None:
    bus = EmbeddedBus(tmp_path)
    with pytest.raises(BusLocked, match=f"{tmp_path}.*process {os.getpid()} has it open"):
        EmbeddedBus(tmp_path)
    await bus.close()
    await EmbeddedBus(tmp_path).close()


async def test_another_process_locks_the_directory_until_it_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(  # noqa: ASYNC220 - nothing else runs meanwhile
        [sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE
    ) as owner:
        try:
            assert owner.stdout is not None
            assert owner.stdout.readline() == b"open\n"
            with pytest.raises(BusLocked, match=f"{tmp_path}.*process {owner.pid} has it open"):
                EmbeddedBus(tmp_path)
        finally:
            owner.kill()
    await EmbeddedBus(tmp_path).close()


async def test_settings_name_the_directory_and_the_limits(tmp_path: Path) -> None:
    bus = EmbeddedBus.from_settings(load_settings(data_dir=tmp_path, bus_max_message_bytes=65536))
    assert bus.max_message_bytes == 65536
    assert (tmp_path / "bus" / "bus.sqlite").is_file()
    await bus.close()


async def test_every_commit_is_synced_to_the_disk(tmp_path: Path) -> None:
    bus = EmbeddedBus(tmp_path)
    run = bus._file.connection.execute
    assert run("PRAGMA journal_mode").fetchone() == ("wal",)
    assert run("PRAGMA synchronous").fetchone() == (2,), "FULL"
    await bus.close()


@pytest.mark.parametrize("inside", ["", "sub/dir"])
def test_a_directory_that_cannot_be_made_is_one_clear_error(tmp_path: Path, inside: str) -> None:
    (tmp_path / "file").write_text("in the way")
    directory = tmp_path / "file" / inside
    with pytest.raises(BusError, match=f"cannot open the bus in {directory}: .*data directory"):
        EmbeddedBus(directory)


def test_a_file_that_is_no_database_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "bus.sqlite").write_bytes(b"not a database" * 1000)
    for _ in range(2):  # the lock is released every time
        with pytest.raises(BusError, match=r"bus\.sqlite is damaged .*start with an empty bus"):
            EmbeddedBus(tmp_path)


async def test_a_damaged_page_is_one_clear_error_at_open_or_read(tmp_path: Path) -> None:
    bus = EmbeddedBus(tmp_path)
    for _ in range(50):
        await bus.send("spans", Message(bytes(100_000)))
    await bus.close()
    path = tmp_path / "bus.sqlite"
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(32 << 10)  # the first page tells the layout; everything after it is lost
        file.write(os.urandom(size - (32 << 10)))
    with pytest.raises(BusError, match=r"bus\.sqlite is damaged"):
        EmbeddedBus(tmp_path)


async def test_a_damaged_batch_is_one_clear_error_when_read(tmp_path: Path) -> None:
    bus = EmbeddedBus(tmp_path)
    await bus.send("spans", Message(b"x"))
    await bus.close()
    with sqlite3.connect(tmp_path / "bus.sqlite") as connection:
        connection.execute("UPDATE body SET data = x'00'")
    connection.close()
    bus = EmbeddedBus(tmp_path)
    with pytest.raises(BusError, match=r"damaged .*cannot be decoded"):
        await bus.read(TopicPartition("spans", 0), 0, 0)
    await bus.close()


async def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    await EmbeddedBus(tmp_path).close()
    with sqlite3.connect(tmp_path / "bus.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(BusError, match="has layout 99"):
        EmbeddedBus(tmp_path)


async def test_a_cancelled_send_gives_its_room_back(tmp_path: Path) -> None:
    bus = EmbeddedBus(tmp_path)
    await bus.create_topic("spans", partitions=1)
    value = bytes(4 << 20)
    sends = [asyncio.create_task(bus.send("spans", Message(value))) for _ in range(40)]
    await asyncio.sleep(0)
    assert bus._queue._inside <= 32 << 20, "the rest waits outside"
    for send in sends:
        send.cancel()
    await asyncio.gather(*sends, return_exceptions=True)
    end = (await bus.send("spans", Message(b"x"))).offset
    assert bus._queue._inside == 0
    assert len(await bus.read(TopicPartition("spans", 0), 0, end)) == end + 1
    await bus.close()


async def test_the_queue_lets_waiters_in_by_turns() -> None:
    queue = ByteQueue(10)
    await queue.enter(6)
    order: list[int] = []

    async def enter(size: int) -> None:
        await queue.enter(size)
        order.append(size)

    tasks = [asyncio.create_task(enter(size)) for size in (5, 9, 1)]
    await asyncio.sleep(0)
    assert order == [], "the small one does not overtake"
    queue.leave(6)
    await asyncio.sleep(0)
    assert order == [5]
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == [5, 1]
