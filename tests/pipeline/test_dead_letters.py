"""Dead letters: kept as they came, found, sent again once, parked when they fail again."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.contracts.conftest import KafkaFactory

from sightline_core.bus.embedded import EmbeddedBus
from sightline_core.bus.protocol import Message, Record, TopicPartition
from sightline_core.dead_letters.command import Command, Selection
from sightline_core.dead_letters.fix import Fix
from sightline_core.dead_letters.letter import split_headers
from sightline_core.errors import BusUnavailable, PoisonBatch, StoreUnavailable
from sightline_core.wire.names import (
    DEAD_LETTER_COMMANDS,
    DEAD_LETTER_GROUP,
    Signal,
)
from sightline_pipeline.dead_letter_desk import keep_dead_letters
from sightline_pipeline.dead_letters import dead_letter
from sightline_pipeline.service import Pipeline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from pathlib import Path

    from tests.broker.cluster import KafkaCluster
    from tests.pipeline.conftest import Lane, Otlp

    from sightline_core.bus.protocol import Bus, Position
    from sightline_core.settings import Settings
    from sightline_core.store.client import Store

POISON = PoisonBatch(
    "cannot decode the batch: Code: 32: Attempt to read after eof at row 7", code=32
)
SPRING = (
    ("kafka_dlt-original-topic", b"orders"),
    ("kafka_dlt-original-partition", (0).to_bytes(4, "big")),
    ("kafka_dlt-exception-fqcn", b"com.shop.PriceMissing"),
    ("kafka_dlt-exception-message", b"no price for article 4711"),
)


@dataclass
class Desk:
    """A bus, the real store, and what deals with dead letters between them."""

    bus: Any
    store: Store
    settings: Settings
    name: str
    numbers: int = 0

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Run it until the block ends."""
        task = asyncio.create_task(keep_dead_letters(self.bus, self.store, self.settings))
        try:
            yield
        finally:
            task.cancel()
            (ended,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(ended, asyncio.CancelledError), ended

    async def bury(self, count: int, **headers: str) -> None:
        """Put messages of this test's application into its dead-letter topic."""
        for _ in range(count):
            self.numbers += 1
            value = b'{"number": %d, "price": null, "service": "till"}' % self.numbers
            given = [(name, text.encode()) for name, text in headers.items()]
            offset = b"%d" % self.numbers
            own = (*SPRING, ("kafka_dlt-original-offset", offset), *given)
            await self.bus.send(f"{self.name}.dlq", Message(value, b"k%d" % self.numbers, own))

    async def indexed(self, topic: str = "") -> None:
        """Wait until the index has everything."""
        topic = topic or f"{self.name}.dlq"

        async def done() -> bool:
            lags = await self.bus.lag(DEAD_LETTER_GROUP, topic)
            return bool(lags) and not sum(lag.messages for lag in lags)

        await until(done)

    def letters(self, where: str = "Topic = {name:String}") -> list[dict[str, Any]]:
        """Return the index, this test's part by default."""
        sql = f"SELECT * FROM sightline_dead_letters_now WHERE {where} ORDER BY Offset"
        return self.store.rows(sql, {"name": self.name})

    def states(self) -> Counter[str]:
        """Count letters by state."""
        return Counter(row["State"] for row in self.letters())

    async def command(self, action: str = "redrive", **given: Any) -> str:
        """Send a command for this test's letters and return its id."""
        command = Command.model_validate(
            {
                "id": given.pop("id", f"{time.time_ns():032x}"),
                "action": action,
                "actor": "ada",
                "created_at": time.time_ns(),
                "selection": Selection(**given.pop("selection", {"topic": self.name})),
                "rate": 10_000,
                "reason": "test",
                **given,
            }
        )
        await self.bus.send(DEAD_LETTER_COMMANDS, Message(command.model_dump_json().encode()))
        return command.id

    async def finished(self, redrive: str) -> dict[str, Any]:
        """Wait until a command is done and return its record."""
        sql = "SELECT * FROM sightline_redrives FINAL WHERE Id = {id:String}"

        async def done() -> bool:
            rows = self.store.rows(sql, {"id": redrive})
            return bool(rows) and rows[0]["State"] != "running"

        await until(done)
        return self.store.rows(sql, {"id": redrive})[0]

    async def received(self) -> list[bytes]:
        """Return what came into the application's topic."""
        found: list[bytes] = []
        for lag in await self.bus.lag("nobody", self.name):
            at = TopicPartition(self.name, lag.partition)
            if lag.end:
                found += [record.value for record in await self.bus.read(at, 0, lag.end - 1)]
        return found


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await condition():  # noqa: ASYNC110 - asks the store and the bus
            await asyncio.sleep(0.02)


@pytest.fixture
async def desk(
    store: Store, store_settings: Settings, tmp_path: Path, lane: Lane
) -> AsyncIterator[Desk]:
    bus = EmbeddedBus(tmp_path / "bus")
    settings = store_settings.model_copy(
        update={"dead_letter_topics": {f"{lane.topic}.dlq": lane.topic}}
    )
    yield Desk(bus, store, settings, lane.topic)
    await bus.close()


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


async def test_a_group_is_sent_again_once_with_its_fix(desk: Desk) -> None:
    await desk.bury(30)
    async with desk.open():
        await desk.indexed()
        fix = Fix.model_validate(
            {"steps": [{"op": "replace", "attribute": "price", "value": 12.5}]}
        )
        redrive = await desk.command(fix=fix, id="a" * 32)
        again = await desk.command(fix=fix, id="a" * 32)
        record = await desk.finished(redrive)
        other = await desk.command()
        assert (await desk.finished(other))["Total"] == 0
    assert redrive == again
    assert (record["State"], record["Total"], record["Done"]) == ("done", 30, 30)
    assert record["Actor"] == "ada"
    received = await desk.received()
    assert sorted(received) == sorted(
        b'{"number": %d, "price": 12.5, "service": "till"}' % number for number in range(1, 31)
    )
    assert desk.states() == {"redriven": 30}


@pytest.mark.parametrize("sends", [1, 3, 11])
async def test_an_interrupted_redrive_goes_on_and_sends_nothing_twice(
    desk: Desk, sends: int
) -> None:
    await desk.bury(12)
    real = desk.bus
    async with desk.open():
        await desk.indexed()
    crashed = asyncio.Event()
    desk.bus = _Dying(real, f"{desk.name}", sends, crashed)
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
    desk.bus = _Dying(real, lane.topic, 5, crashed)
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
    desk.bus = _Doubtful(desk.bus, desk.name, {2, 5})
    async with desk.open():
        await desk.indexed()
        record = await desk.finished(await desk.command(rate=100))
    assert (record["State"], record["Done"]) == ("done", 8)
    assert len(await desk.received()) == len(set(await desk.received())) == 8


async def test_what_fails_again_is_parked_and_not_sent_by_the_way(
    desk: Desk, lane: Lane, otlp: Otlp
) -> None:
    span = Span(
        trace_id=lane.trace_id(), span_id=b"12345678", name="a", start_time_unix_nano=lane.now
    )
    good = otlp.spans(lane.service, span).SerializeToString()
    poison = good + b"\x0a\xff\xff\xff\xff\x0f"
    began = time.time_ns()
    pipeline = Pipeline(desk.bus, desk.store, desk.settings)
    await pipeline.start()
    selection = {"start": began, "topic": Signal.TRACES.topic}
    async with desk.open():
        await desk.bus.send(Signal.TRACES.topic, Message(good))
        await desk.bus.send(Signal.TRACES.topic, Message(poison, headers=(("x", b"1"),)))
        await _letters(desk, 1)
        (letter,) = _own(desk, began)
        assert letter["ServiceNames"] == [lane.service]
        assert letter["TraceIds"] == [lane.trace_id().hex()]
        assert letter["Preview"] == "a"

        await desk.finished(await desk.command(selection=selection))
        await _letters(desk, 2)
        (parked,) = _own(desk, began)
        assert (parked["Id"], parked["State"]) == (letter["Id"], "parked")
        assert (parked["Redrives"], parked["FirstSeen"]) == (1, letter["FirstSeen"])
        assert (await desk.finished(await desk.command(selection=selection)))["Total"] == 0

        fix = Fix.model_validate({"steps": [{"op": "salvage"}]})
        mended = await desk.command(selection={"ids": [letter["Id"]]}, fix=fix)
        assert (await desk.finished(mended))["Done"] == 1
        await until(lambda: _stored(lane, 2))
    await pipeline.stop()
    (sent,) = _own(desk, began)
    assert (sent["State"], sent["RedrivesNow"]) == ("redriven", 2)


async def test_a_letter_that_cannot_be_fixed_stays_and_says_why(desk: Desk) -> None:
    await desk.bury(1)
    await desk.bus.send(f"{desk.name}.dlq", Message(b"not json", None, SPRING))
    fix = Fix.model_validate({"steps": [{"op": "set", "attribute": "a.b", "value": 1}]})
    async with desk.open():
        await desk.indexed()
        record = await desk.finished(await desk.command(fix=fix))
    assert (record["Done"], record["Failed"]) == (1, 1)
    assert "not JSON" in record["Problems"][0]
    assert desk.states() == {"redriven": 1, "dead": 1}


async def test_a_discard_is_recorded_with_its_reason(desk: Desk) -> None:
    await desk.bury(3)
    async with desk.open():
        await desk.indexed()
        record = await desk.finished(await desk.command("discard", reason="test orders"))
    assert (record["Action"], record["Done"]) == ("discard", 3)
    assert desk.states() == {"discarded": 3}
    assert await desk.received() == []


async def test_a_redrive_can_be_cancelled(desk: Desk) -> None:
    await desk.bury(20)
    async with desk.open():
        await desk.indexed()
        redrive = await desk.command(rate=2)
        await until(lambda: _some(desk))
        await desk.bus.send(
            DEAD_LETTER_COMMANDS,
            Message(Command(id=redrive, action="cancel", created_at=1).model_dump_json().encode()),
        )
        record = await desk.finished(redrive)
    assert record["State"] == "cancelled"
    assert record["Done"] == len(await desk.received()) < 20


async def test_commands_that_nobody_understands_do_not_stop_the_others(desk: Desk) -> None:
    await desk.bury(1)
    async with desk.open():
        await desk.indexed()
        for body in (b"", b"\xff", b"{}", b'{"action": "redrive"}', b"[" * 9999):
            await desk.bus.send(DEAD_LETTER_COMMANDS, Message(body))
        assert (await desk.finished(await desk.command()))["Done"] == 1


async def test_a_store_that_is_away_is_waited_for(
    desk: Desk,
) -> None:
    await desk.bury(4)
    desk.store = _Away(desk.store, 12)  # type: ignore[assignment]
    async with desk.open():
        await desk.indexed()
        record = await desk.finished(await desk.command())
    assert record["Done"] == 4
    assert len(await desk.received()) == 4


async def test_a_flood_is_indexed_in_pieces(desk: Desk) -> None:
    await asyncio.gather(*(desk.bury(50) for _ in range(50)))
    async with desk.open():
        await desk.indexed()
    assert desk.states() == {"dead": 2500}


class _Wrapped:
    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class _Dying(_Wrapped):
    """Hangs for ever after so many messages to a topic: all that a killed process can do."""

    def __init__(self, real: Bus, topic: str, sends: int, crashed: asyncio.Event) -> None:
        super().__init__(real)
        self._topic, self._sends, self._crashed = topic, sends, crashed

    async def send(self, topic: str, message: Message, *, partition: int | None = None) -> Position:
        if topic != self._topic:
            return await self._real.send(topic, message, partition=partition)  # type: ignore[no-any-return]
        position: Position = await self._real.send(topic, message, partition=partition)
        self._sends -= 1
        if self._sends == 0:
            self._crashed.set()
            await asyncio.Event().wait()
        return position


class _Doubtful(_Wrapped):
    """Writes some messages and says that it does not know."""

    def __init__(self, real: Bus, topic: str, which: set[int]) -> None:
        super().__init__(real)
        self._topic, self._which, self._sent = topic, which, 0

    async def send(self, topic: str, message: Message, *, partition: int | None = None) -> Position:
        position: Position = await self._real.send(topic, message, partition=partition)
        if topic == self._topic:
            self._sent += 1
            if self._sent in self._which:
                raise BusUnavailable("cannot tell")
        return position


class _Away(_Wrapped):
    """Is unavailable every other time, for so many calls."""

    def __init__(self, real: Store, calls: int) -> None:
        super().__init__(real)
        self._calls = calls

    def client(self, role: Any) -> Any:
        self._calls -= 1
        if self._calls > 0 and self._calls % 2:
            raise StoreUnavailable("cannot reach it")
        return self._real.client(role)


async def _some(desk: Desk) -> bool:
    return len(await desk.received()) > 0


async def _stored(lane: Lane, spans: int) -> bool:
    return len(lane.rows("otel_traces")) == spans


async def _letters(desk: Desk, copies: int) -> None:
    async def there() -> bool:
        lags = await desk.bus.lag(DEAD_LETTER_GROUP, Signal.TRACES.dlq_topic)
        return sum(lag.end for lag in lags) == copies and not sum(lag.messages for lag in lags)

    await until(there)


def _own(desk: Desk, began: int) -> Sequence[dict[str, Any]]:
    since = (
        f"toUnixTimestamp64Nano(toDateTime64(DlqTimestamp, 9)) >= {began // 1_000_000 * 1_000_000}"
    )
    return desk.letters(f"Topic = 'otlp_spans' AND {since}")
