"""Dead letters are kept as they came, and found."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from sightline_core.bus.protocol import Record, TopicPartition
from sightline_core.dead_letters.letter import split_headers
from sightline_core.errors import PoisonBatch
from sightline_pipeline.dead_letters import dead_letter

if TYPE_CHECKING:
    from tests.pipeline.desk import Desk

POISON = PoisonBatch(
    "cannot decode the batch: Code: 32: Attempt to read after eof at row 7", code=32
)


async def test_a_dead_letter_keeps_its_bytes_key_and_headers_and_tells_its_time(desk: Desk) -> None:
    headers = (("a", b"1"), ("sightline-dlq-reason", b"forged"), ("a", b"\xff"), ("", b""))
    record = Record("otlp_spans", 1, 42, 1_700_000_000_123, b"\x00\xff", b"key", headers)
    await dead_letter(desk.bus, record, POISON, attempts=2)
    (kept,) = await desk.bus.read(TopicPartition("otlp_spans.dlq", 0), 0, 0)
    assert (kept.value, kept.key) == (record.value, record.key)
    original, about = split_headers(kept.headers)
    assert original == headers
    assert about["sightline-dlq-reason"] == b"engine_32"
    assert about["sightline-dlq-timestamp"] == b"1700000000123"
    assert about["sightline-dlq-exception"] == b"PoisonBatch"
    assert about["sightline-dlq-attempts"] == b"2"


async def test_the_largest_message_still_fits_when_words_are_put_behind_it(desk: Desk) -> None:
    room = 1200  # for the headers without a long message
    value = bytes(desk.bus.max_message_bytes - room)
    record = Record("otlp_logs", 0, 1, 1, value, None, ())
    await dead_letter(desk.bus, record, PoisonBatch("x" * 5000), attempts=1)
    (kept,) = await desk.bus.read(TopicPartition("otlp_logs.dlq", 0), 0, 0)
    assert kept.value == value


async def test_copies_of_one_message_are_one_letter(desk: Desk) -> None:
    taken = time.time_ns() // 1_000_000
    for offset in (7, 7, 8):
        record = Record("otlp_logs", 0, offset, taken, b"\x0a\xff", None, ())
        await dead_letter(desk.bus, record, POISON, attempts=1)
    async with desk.open():
        await desk.indexed("otlp_logs.dlq")
    rows = desk.letters(f"toUnixTimestamp64Milli(Timestamp) = {taken}")
    assert [(row["Offset"], row["State"]) for row in rows] == [(7, "dead"), (8, "dead")]
    assert {row["Topic"] for row in rows} == {"otlp_logs"}
    assert (
        rows[0]["Pattern"]
        == "cannot decode the batch: Code: <n>: Attempt to read after eof at row <n>"
    )


async def test_letters_of_an_application_are_read_as_spring_writes_them(desk: Desk) -> None:
    await desk.bury(2, traceparent=f"00-{'ab' * 16}-{'cd' * 8}-01")
    async with desk.open():
        await desk.indexed()
    first, second = desk.letters()
    assert (first["Kind"], first["Exception"]) == ("application", "com.shop.PriceMissing")
    assert first["Reason"] == "PriceMissing"
    assert first["Pattern"] == "no price for article <n>"
    assert first["Fingerprint"] == second["Fingerprint"]
    assert first["TraceIds"] == ["ab" * 16]
    assert first["ServiceNames"] == ["till"]
    assert first["Preview"].startswith('{"number": 1')


async def test_a_flood_is_indexed_in_pieces(desk: Desk) -> None:
    await asyncio.gather(*(desk.bury(50) for _ in range(50)))
    async with desk.open():
        await desk.indexed()
    assert desk.states() == {"dead": 2500}
