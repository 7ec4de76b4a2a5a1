"""What an answer says about itself."""

from __future__ import annotations

from sightline_core.bus.memory import MemoryBus
from sightline_core.bus.protocol import Message
from sightline_core.wire.names import Signal
from sightline_query_api.completeness import Progress, ProgressReader, assess

NOW = 1_800_000_000 * 10**9


def test_an_answer_names_messages_that_could_not_be_decoded() -> None:
    found = assess(Progress(NOW, NOW, 0, dead_letters=2), end=NOW)
    assert found.reasons == ["messages that could not be decoded, see /api/v1/ledger: 2"]


async def test_progress_counts_the_dead_letters_of_its_signals() -> None:
    bus = MemoryBus()
    await bus.send(Signal.TRACES.dlq_topic, Message(b"garbage"))
    reader = ProgressReader(bus)
    assert (await reader.of(Signal.TRACES, Signal.LOGS)).dead_letters == 1
    assert (await reader.of(Signal.LOGS)).dead_letters == 0
    await bus.close()


def test_an_answer_is_late_while_messages_older_than_its_end_are_on_their_way() -> None:
    waiting = Progress(NOW - 60 * 10**9, NOW, 3)
    assert assess(waiting, end=NOW).verdict == "late"
    assert assess(waiting, end=NOW - 120 * 10**9).verdict == "complete"
