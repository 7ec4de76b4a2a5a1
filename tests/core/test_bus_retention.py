"""What the embedded bus removes, what it never removes, and what it does when it is full."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING

import pytest

from sightline_core.bus import writer
from sightline_core.bus.embedded import EmbeddedBus
from sightline_core.bus.protocol import Committed, Message, TopicPartition
from sightline_core.errors import BusError, BusFull, OffsetOutOfRange

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sightline_core.bus.protocol import Consumer

KB = 1 << 10
MB = 1 << 20
P0 = TopicPartition("spans", 0)
LONG = 3600.0


@pytest.fixture(autouse=True)
def frequent_retention(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "RETENTION_SECONDS", 0.02)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the writer's thread sets no event
            await asyncio.sleep(0.01)


async def retention_ran(bus: EmbeddedBus, times: int = 2) -> None:
    """Wait until the writer has looked for old messages so often."""
    count = 0
    remove_some = bus._writer._retention.remove_some

    def counting() -> bool:
        nonlocal count
        removed = remove_some()
        count += 1
        return removed

    bus._writer._retention.remove_some = counting  # type: ignore[method-assign]
    await until(lambda: count >= times)


async def fill(bus: EmbeddedBus, topic: str, count: int, size: int) -> None:
    for _ in range(count):
        await bus.send(topic, Message(bytes(size)))


async def process(bus: EmbeddedBus, group: str, upto: int) -> Consumer:
    consumer = bus.consumer(group, ["spans"])
    while P0 not in consumer.assignment:
        await consumer.poll(max_bytes=1, timeout=0)
    await consumer.commit({P0: Committed(upto)})
    return consumer


async def test_size_removes_the_oldest_processed_messages_only(tmp_path: Path) -> None:
    bus = EmbeddedBus(tmp_path, retention_bytes=5 * MB, retention_seconds=LONG)
    await fill(bus, "spans", 20, MB)
    consumer = await process(bus, "g", 12)
    await until(lambda: bus.bounds(P0)[0] == 12)
    await retention_ran(bus)
    assert bus.bounds(P0) == (12, 20), "unprocessed messages stay, whatever their size"
    await consumer.commit({P0: Committed(20)})
    await until(lambda: bus.bounds(P0)[0] == 16)
    await retention_ran(bus)
    assert bus.bounds(P0) == (16, 20), "what fits stays, for replays"
    assert bus.held_bytes <= 5 * MB
    with pytest.raises(OffsetOutOfRange, match="holds 16 to 19"):
        await bus.read(P0, 15, 19)
    assert len(await bus.read(P0, 16, 19)) == 4
    await bus.close()


async def test_a_consumer_that_goes_back_too_far_is_told_what_is_held(tmp_path: Path) -> None:
    bus = EmbeddedBus(tmp_path, retention_seconds=0.001)
    await fill(bus, "spans", 5, KB)
    consumer = await process(bus, "g", 4)
    await until(lambda: bus.bounds(P0)[0] == 4)
    consumer.seek(P0, 1)
    with pytest.raises(OffsetOutOfRange, match="from offset 1: it holds 4 to 4; seek"):
        await consumer.poll()
    consumer.seek(P0, 4)
    assert [record.offset for record in (await consumer.poll())[P0]] == [4]
    await bus.close()


async def test_the_slowest_group_holds_messages_back_even_before_its_first_commit(
    tmp_path: Path,
) -> None:
    bus = EmbeddedBus(tmp_path, retention_seconds=0.001)
    await fill(bus, "spans", 5, KB)
    await bus.consumer("slow", ["spans"]).poll(timeout=0)
    await process(bus, "fast", 5)
    await bus.close()
    bus = EmbeddedBus(tmp_path, retention_seconds=0.001)  # the group is known after a restart
    await retention_ran(bus)
    assert bus.bounds(P0) == (0, 5)
    await process(bus, "slow", 3)
    await until(lambda: bus.bounds(P0) == (3, 5))
    await bus.close()


async def test_messages_sent_together_stay_until_the_last_of_them_is_processed(
    tmp_path: Path,
) -> None:
    bus = EmbeddedBus(tmp_path, retention_seconds=0.001)
    await bus.create_topic("spans", partitions=1)
    await asyncio.gather(*(bus.send("spans", Message(b"x")) for _ in range(100)))
    consumer = await process(bus, "g", 99)
    await retention_ran(bus)
    assert (await bus.read(P0, 99, 99))[0].offset == 99
    await consumer.commit({P0: Committed(100)})
    await until(lambda: bus.bounds(P0) == (100, 100))
    await bus.close()


async def test_a_topic_that_no_group_read_keeps_everything(tmp_path: Path) -> None:
    bus = EmbeddedBus(tmp_path, retention_bytes=MB, retention_seconds=0.001)
    await fill(bus, "spans", 5, MB)
    await retention_ran(bus)
    assert bus.bounds(P0) == (0, 5)
    await bus.close()


async def test_dead_letters_are_bound_by_an_age_of_their_own(tmp_path: Path) -> None:
    letters = TopicPartition("spans.dlq", 0)
    bus = EmbeddedBus(tmp_path, retention_bytes=MB, retention_seconds=0.001)
    await fill(bus, letters.topic, 5, MB)
    await retention_ran(bus)
    assert bus.bounds(letters) == (0, 5)
    await bus.close()
    bus = EmbeddedBus(tmp_path, retention_seconds=LONG, dlq_retention_seconds=0.001)
    await until(lambda: bus.bounds(letters) == (5, 5))
    await bus.close()


async def test_offsets_go_on_after_everything_was_removed(tmp_path: Path) -> None:
    bus = EmbeddedBus(tmp_path, retention_seconds=0.001)
    await fill(bus, "spans", 7, KB)
    await process(bus, "g", 7)
    await until(lambda: bus.bounds(P0) == (7, 7))
    assert bus.held_bytes == 0
    await bus.close()
    bus = EmbeddedBus(tmp_path)
    assert bus.bounds(P0) == (7, 7)
    assert (await bus.send("spans", Message(b"x"))).offset == 7
    await bus.close()


async def test_room_of_removed_messages_is_used_again(tmp_path: Path) -> None:
    bus = EmbeddedBus(tmp_path, retention_bytes=4 * MB, retention_seconds=LONG)
    await bus.send("spans", Message(b"first"))
    consumer = await process(bus, "g", 1)
    for end in range(21, 201, 20):
        await fill(bus, "spans", 20, MB)
        await consumer.commit({P0: Committed(end)})
        await until(lambda: bus.held_bytes <= 4 * MB)
    await bus.close()
    assert (tmp_path / "bus.sqlite").stat().st_size < 60 * MB, "180 MB went through"


async def test_a_full_bus_refuses_messages_and_works_again_once_there_is_room(
    tmp_path: Path,
) -> None:
    bus = EmbeddedBus(tmp_path, max_bytes=8 * MB, retention_bytes=8 * MB)
    await fill(bus, "spans", 7, MB)
    for _ in range(3):
        with pytest.raises(BusFull, match=r"cannot append to spans-0: .*bus_max_bytes"):
            await bus.send("spans", Message(bytes(MB)))
    assert (await bus.send("spans", Message(bytes(KB)))).offset == 7, "a small one still fits"
    await process(bus, "g", 8)
    await until(lambda: bus.held_bytes <= 4 * MB)
    assert (await bus.send("spans", Message(bytes(MB)))).offset == 8
    await bus.close()


def limit_pages(bus: EmbeddedBus, extra: int | None) -> None:
    """Let the file grow by so many pages only: SQLite then fails as on a full disk."""
    run = bus._file.connection.execute
    pages = run("PRAGMA page_count").fetchone()[0]
    run(f"PRAGMA max_page_count = {1 << 30 if extra is None else pages + extra}")


async def test_a_full_disk_refuses_messages_but_not_commits(tmp_path: Path) -> None:
    bus = EmbeddedBus(tmp_path, retention_seconds=0.001)
    await fill(bus, "spans", 3, 100 * KB)
    consumer = await process(bus, "g", 0)
    limit_pages(bus, 4)
    results = await asyncio.gather(
        *(bus.send("spans", Message(bytes(100 * KB))) for _ in range(20)), return_exceptions=True
    )
    assert all(isinstance(result, BusFull) for result in results)
    assert f"{tmp_path}" in str(results[0])
    assert bus.bounds(P0) == (0, 3), "nothing half-written"
    assert len(await bus.read(P0, 0, 2)) == 3
    await consumer.commit({P0: Committed(3)})
    await until(lambda: bus.bounds(P0) == (3, 3))
    assert (await bus.send("spans", Message(bytes(100 * KB)))).offset == 3, "room was made"
    await bus.close()
    with sqlite3.connect(tmp_path / "bus.sqlite") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


async def test_the_last_of_the_disk_is_left_for_commits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = EmbeddedBus(tmp_path)
    consumer = bus.consumer("g", ["spans"])
    await bus.send("spans", Message(b"x"))
    await consumer.poll()
    monkeypatch.setattr(writer, "DISK_RESERVE_BYTES", 1 << 60)
    with pytest.raises(BusFull, match=r"the disk of .*bus\.sqlite is full"):
        await bus.send("spans", Message(b"y"))
    await consumer.commit({P0: Committed(1)})
    monkeypatch.undo()
    assert (await bus.send("spans", Message(b"y"))).offset == 1
    await bus.close()


async def test_a_group_that_is_forgotten_holds_nothing_back(tmp_path: Path) -> None:
    bus = EmbeddedBus(tmp_path, retention_seconds=0.01)
    await fill(bus, "spans", 4, KB)
    await process(bus, "living", 4)
    dead = await process(bus, "dead", 1)
    with pytest.raises(BusError, match="has members"):
        await bus.forget_group("dead")
    await dead.close()
    await retention_ran(bus)
    assert bus.bounds(P0)[0] == 1
    await bus.forget_group("dead")
    await until(lambda: bus.bounds(P0)[0] == 4)
    assert bus.stored("dead", P0) is None
    await bus.close()

    again = EmbeddedBus(tmp_path, retention_seconds=LONG)
    assert again.stored("dead", P0) is None
    stored = again.stored("living", P0)
    assert stored is not None
    assert stored.offset == 4
    await again.close()
