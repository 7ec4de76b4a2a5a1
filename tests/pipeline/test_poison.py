"""What cannot be stored goes to the dead letters as it came; its neighbours are stored."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from tests.pipeline.running import Crash, Faults, FaultyStore, once

from sightline_core.bus.protocol import Committed, Message, TopicPartition
from sightline_core.errors import MessageTooLarge
from sightline_core.wire.names import Signal
from sightline_pipeline import orders
from sightline_pipeline.orders import read_orders, save_order

if TYPE_CHECKING:
    from tests.pipeline.running import Run

GARBAGE = b"\x0a\xff\xff\xff\xff\x0fnot a request"


async def test_poison_goes_to_the_dead_letters_as_it_came_and_its_neighbours_are_stored(
    run: Run,
) -> None:
    cut = run.span(99)[:-3]
    mine = (("sightline-origin", b"o-1"), ("x", b"\xff"))
    await run.send_spans(5)
    await run.send(GARBAGE, headers=mine)
    await run.send_spans(4)
    await run.send(cut)
    await run.send_spans(3)

    pipeline = await run.until_done()

    assert run.books() == once(12)
    first, second = await run.dead_letters()
    assert (first.value, first.key) == (GARBAGE, b"key")
    assert first.headers[:2] == mine
    said = {name: value.decode() for name, value in first.headers[2:]}
    assert set(said) >= {
        f"sightline-dlq-{name}"
        for name in (
            "reason", "message", "stage", "topic", "partition", "offset", "first-seen",
            "attempts", "version",
        )
    }  # fmt: skip
    assert said["sightline-dlq-reason"] in {"engine_32", "engine_444"}
    assert (said["sightline-dlq-topic"], said["sightline-dlq-partition"]) == (
        Signal.TRACES.topic,
        "0",
    )
    assert (said["sightline-dlq-offset"], said["sightline-dlq-stage"]) == ("5", "insert")
    assert second.value == cut
    assert second.header("sightline-dlq-offset") == b"10"
    assert pipeline.stats.signals[Signal.TRACES].dead_lettered == 2


@pytest.mark.parametrize("size", ["whole", "first field"])
async def test_a_message_that_claims_its_envelope_as_its_own_bytes_is_poison(
    run: Run, size: str
) -> None:
    """An unknown field of exactly so many bytes that what follows is read without a complaint."""
    envelope_bytes = {"whole": 88, "first field": 10}[size]
    await run.send_spans(2)
    value = run.span(77)
    for length in range(envelope_bytes - 25, envelope_bytes + 25) if size == "whole" else [10]:
        await run.send(value + b"\xfa\x3f" + bytes([length]))
    await run.send_spans(2)
    await run.until_done()
    assert run.books() == once(4)
    assert len(await run.dead_letters()) == (50 if size == "whole" else 1)


async def test_a_batch_of_nothing_but_poison_does_not_stop_the_flow(run: Run) -> None:
    await run.send(*[GARBAGE] * 5)
    await run.send_spans(1)
    await run.until_done()
    assert run.books() == once(1)
    assert len(await run.dead_letters()) == 5


async def test_a_crash_during_bisection_repeats_no_row(run: Run) -> None:
    await run.send_spans(5)
    await run.send(GARBAGE)
    await run.send_spans(6)
    # 12 messages: the whole fails, then the first half; its good half is stored, and then:
    store = FaultyStore(run.lane.store, Faults(after=[Crash()]))
    await run.until_crash(await run.bus(), store)
    await run.until_done()
    assert run.books() == once(11)
    letters = Counter(letter.value for letter in await run.dead_letters())
    assert set(letters) == {GARBAGE}


async def test_empty_messages_are_no_poison(run: Run, otlp: Any) -> None:
    await run.send(b"", otlp.spans(run.lane.service).SerializeToString())
    await run.send_spans(1)
    await run.until_done()
    assert run.books() == once(1)
    assert await run.dead_letters() == []


async def test_poison_of_the_largest_size_is_dead_lettered_whole(run_anywhere: Run) -> None:
    """What is said about it does not fit into a message of that size."""
    run = run_anywhere
    bus = await run.bus()
    await run.send_spans(2)
    largest = GARBAGE + b"\xff" * (bus.max_message_bytes - 200 - len(GARBAGE))
    await run.send(largest)
    await run.send_spans(2)
    await run.until_done()
    assert run.books() == once(4)
    (letter,) = await run.dead_letters()
    assert letter.value == largest
    assert len(letter.header("sightline-dlq-message") or b"") > 60


async def test_poison_that_fits_nowhere_pauses_its_partition_and_ends_nothing(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "LOOK_SECONDS", 0.05)
    partition = TopicPartition(Signal.TRACES.topic, 0)
    room = False

    class Narrow:
        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        async def send(self, topic: str, message: Message, **given: Any) -> Any:
            if topic == Signal.TRACES.dlq_topic and not room:
                raise MessageTooLarge("cannot append 9 bytes: 8 are possible")
            return await real.send(topic, message, **given)

    await run.send_spans(2)
    await run.send(GARBAGE)
    await run.send_spans(2)
    real = await run.bus()
    pipeline = run.pipeline(Narrow())
    await pipeline.start()
    running = asyncio.create_task(pipeline.wait())
    stats = pipeline.stats.signals[Signal.TRACES].of(partition)
    async with asyncio.timeout(20):
        while not stats.paused and not running.done():  # noqa: ASYNC110 - plain counters
            await asyncio.sleep(0.01)
    assert not running.done()
    order = read_orders(run.lane.store)[partition]
    assert order.reason == "dead_letter"
    assert order.detail.startswith("cannot dead-letter offset 2 (")
    assert "8 are possible" in order.detail
    room = True
    save_order(run.lane.store, partition, None, by="somebody")
    async with asyncio.timeout(20):
        while (await run.committed()) != Committed(5):  # noqa: ASYNC110 - asked of the bus
            await asyncio.sleep(0.01)
    await pipeline.stop()
    await asyncio.gather(running, return_exceptions=True)
    assert run.books() == once(4)
    assert [letter.value for letter in await run.dead_letters()] == [GARBAGE]
