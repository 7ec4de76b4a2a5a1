"""A redrive sends every letter once, whatever ends it in the middle."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from tests.contracts.conftest import KafkaFactory
from tests.pipeline.desk import Away, Desk, Doubtful, Dying, Wrapped

from sightline_core.bus.protocol import Committed
from sightline_core.dead_letters.command import Command
from sightline_core.dead_letters.letter import sources
from sightline_core.errors import Fenced
from sightline_core.wire.names import DEAD_LETTER_COMMANDS, DEAD_LETTER_DESK_GROUP
from sightline_pipeline import redrive as redriving
from sightline_pipeline.dead_letter_desk import COMMANDS
from sightline_pipeline.redrive import Redrive

if TYPE_CHECKING:
    from tests.broker.cluster import KafkaCluster
    from tests.pipeline.conftest import Lane

    from sightline_core.bus.protocol import Bus, Position
    from sightline_core.settings import Settings
    from sightline_core.store.client import Store


@pytest.fixture(autouse=True)
def _killed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed process does not wait for what is under way."""
    monkeypatch.setattr(redriving, "FINISH_SECONDS", 0.0)


@pytest.mark.parametrize("sends", [1, 3, 11])
async def test_an_interrupted_redrive_goes_on_and_sends_nothing_twice(
    desk: Desk, sends: int
) -> None:
    await desk.bury(12)
    real = desk.bus
    async with desk.open():
        await desk.indexed()
    crashed = asyncio.Event()
    desk.bus = Dying(real, f"{desk.name}", sends, crashed)
    async with desk.open():
        redrive = await desk.command(rate=10)  # one after the other
        await asyncio.wait_for(crashed.wait(), 30)
    assert desk.states() == {"dead": 12}
    assert len(await desk.received()) == sends
    desk.bus = real
    async with desk.open():
        record = await desk.finished(redrive)
    assert (record["State"], record["Done"]) == ("done", 12)
    received = await desk.received()
    assert Counter(received).most_common(1)[0][1] == 1
    assert len(received) == 12


async def test_on_kafka_an_interrupted_redrive_goes_on_and_sends_nothing_twice(
    kafka: KafkaCluster, store: Store, store_settings: Settings, lane: Lane
) -> None:
    factory = KafkaFactory(kafka)
    real = await factory.open()
    topics = {f"{lane.topic}.dlq": lane.topic}
    desk = Desk(
        real, store, store_settings.model_copy(update={"dead_letter_topics": topics}), lane.topic
    )
    await real.create_topic(f"{lane.topic}.dlq", partitions=1)
    await real.create_topic(lane.topic, partitions=2)
    await desk.bury(12)
    crashed = asyncio.Event()
    desk.bus = Dying(real, lane.topic, 5, crashed)
    async with desk.open():
        await desk.indexed()
        redrive = await desk.command(rate=10)
        await asyncio.wait_for(crashed.wait(), 30)
    desk.bus = real
    async with desk.open():
        record = await desk.finished(redrive)
    assert (record["State"], record["Done"]) == ("done", 12)
    assert len(await desk.received()) == len(set(await desk.received())) == 12
    await factory.close()


async def test_a_send_whose_outcome_is_unknown_is_looked_up(
    desk: Desk,
) -> None:
    await desk.bury(8)
    desk.bus = Doubtful(desk.bus, desk.name, {2, 5})
    async with desk.open():
        await desk.indexed()
        record = await desk.finished(await desk.command(rate=100))
    assert (record["State"], record["Done"]) == ("done", 8)
    assert len(await desk.received()) == len(set(await desk.received())) == 8


async def test_a_store_that_is_away_is_waited_for(
    desk: Desk,
) -> None:
    await desk.bury(4)
    desk.store = Away(desk.store, 12)  # type: ignore[assignment]
    async with desk.open():
        await desk.indexed()
        record = await desk.finished(await desk.command())
    assert record["Done"] == 4
    assert len(await desk.received()) == 4


class Stopped(Wrapped):
    """Stands still before a slice is sent, as a process does that gets SIGSTOP."""

    def __init__(self, real: Bus, topic: str, after: int) -> None:
        """Stand still at the first message behind `after` messages."""
        super().__init__(real)
        self._topic, self._after = topic, after
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()

    async def send(self, topic: str, message: Any, *, partition: int | None = None) -> Position:
        """Send, later perhaps."""
        self._after -= topic == self._topic
        if self._after < 0:
            self.reached.set()
            await self.go_on.wait()
        position: Position = await self._real.send(topic, message, partition=partition)
        return position


async def test_a_worker_that_stood_still_sends_one_slice_at_most_beside_its_heir(
    desk: Desk,
) -> None:
    slice_, letters = 10, 40
    await desk.bury(letters)
    async with desk.open():
        await desk.indexed()
    await desk.bus.create_topic(DEAD_LETTER_COMMANDS, partitions=1)
    identity = await desk.command(rate=slice_ * 10)
    old = desk.bus.consumer(DEAD_LETTER_DESK_GROUP, [DEAD_LETTER_COMMANDS])
    (record,) = (await old.poll(timeout=5))[COMMANDS]

    async def owned() -> None:
        await old.commit({COMMANDS: Committed(record.offset)})

    bus = Stopped(desk.bus, desk.name, after=slice_)
    known = sources(desk.settings.dead_letter_topics)
    command = Command.model_validate_json(record.value)
    redrive = Redrive(bus, desk.store, known, command, owned)
    stopped = asyncio.create_task(redrive.run())
    await bus.reached.wait()
    desk.bus._groups._groups[DEAD_LETTER_DESK_GROUP].leave(old)  # its session is over
    async with desk.open():
        done = await desk.finished(identity)
    assert (done["State"], done["Done"]) == ("done", letters)
    assert Counter(await desk.received()).total() == letters, "what was sent before is known"

    bus.go_on.set()
    with pytest.raises(Fenced):
        await stopped
    assert len(await desk.received()) == letters + slice_
    assert await desk.finished(identity) == done
    assert done["Version"] > redriving.TERM, "above all that the old one may still write"


async def test_what_is_being_sent_ends_before_the_next_owner_looks_for_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redriving, "FINISH_SECONDS", 30.0)
    letters = 12
    await desk.bury(letters)
    async with desk.open():
        await desk.indexed()
    real = desk.bus
    slow = Stopped(real, desk.name, after=4)
    desk.bus = slow
    async with desk.open():
        identity = await desk.command(rate=100)
        await slow.reached.wait()
        asyncio.get_running_loop().call_later(0.2, slow.go_on.set)
    desk.bus = real
    sent = len(await desk.received())
    async with desk.open():
        await desk.finished(identity)
    assert sent == 10, "the slice that was under way"
    assert len(await desk.received()) == len(set(await desk.received())) == letters
