"""What an answer says about itself."""

from __future__ import annotations

from sightline_core.bus.memory import MemoryBus
from sightline_core.bus.protocol import Committed, Message, TopicPartition
from sightline_core.wire.names import DEAD_LETTER_GROUP, Signal
from sightline_query_api.completeness import Progress, ProgressReader, Shortcomings, assess

NOW = 1_800_000_000 * 10**9
DONE = Progress(NOW, NOW, 0)


def test_nothing_is_complete_while_something_of_it_stands_elsewhere() -> None:
    assert assess(DONE, end=NOW).verdict == "complete"
    for lacks in (
        Shortcomings(quarantined=1),
        Shortcomings(dead_letters=1),
        Shortcomings(missing_messages=1),
        Shortcomings(skipped_messages=1),
    ):
        answer = assess(DONE, end=NOW, lacks=lacks)
        assert answer.verdict == "truncated"
        assert len(answer.reasons) == 1
        assert answer.reasons[0].endswith(": 1")


def test_dead_letters_that_nobody_has_looked_at_may_belong_to_every_answer() -> None:
    found = assess(Progress(NOW, NOW, 0, unindexed_letters=2), end=NOW)
    assert (found.verdict, found.dead_letters) == ("truncated", 2)


async def test_the_books_wait_for_the_index_of_dead_letters() -> None:
    bus = MemoryBus()
    for signal in (Signal.TRACES, Signal.LOGS):
        await bus.create_topic(signal.topic, partitions=1)
    topic = Signal.TRACES.dlq_topic
    await bus.send(topic, Message(b"garbage"))
    reader = ProgressReader(bus, seconds=0)
    traces, logs = await reader.of(Signal.TRACES), await reader.of(Signal.LOGS)
    assert (traces.unindexed_letters, logs.unindexed_letters) == (1, 0)
    assert traces.books_watermark < traces.now
    assert logs.books_watermark == logs.now
    consumer = bus.consumer(DEAD_LETTER_GROUP, [topic])
    while not await consumer.poll(timeout=0.1):
        pass
    await consumer.commit({TopicPartition(topic, 0): Committed(1)})
    traces = await reader.of(Signal.TRACES)
    assert (traces.unindexed_letters, traces.books_watermark) == (0, traces.now)
    await consumer.close()
    await bus.close()


def test_an_answer_is_late_while_messages_older_than_its_end_are_on_their_way() -> None:
    waiting = Progress(NOW - 60 * 10**9, NOW, 3)
    assert assess(waiting, end=NOW).verdict == "late"
    assert assess(waiting, end=NOW - 120 * 10**9).verdict == "complete"
