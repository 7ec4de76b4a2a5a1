"""What deals with dead letters, on a bus and the real store; and buses and stores with a fault."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sightline_core.bus.protocol import Message, TopicPartition
from sightline_core.dead_letters.command import Command, Selection
from sightline_core.errors import BusUnavailable, StoreUnavailable
from sightline_core.wire.names import DEAD_LETTER_COMMANDS, DEAD_LETTER_GROUP
from sightline_pipeline.dead_letter_desk import keep_dead_letters

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from sightline_core.bus.protocol import Bus, Position
    from sightline_core.settings import Settings
    from sightline_core.store.client import Store

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


class Wrapped:
    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class Dying(Wrapped):
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


class Doubtful(Wrapped):
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


class Away(Wrapped):
    """Is unavailable every other time, for so many calls."""

    def __init__(self, real: Store, calls: int) -> None:
        super().__init__(real)
        self._calls = calls

    def client(self, role: Any) -> Any:
        self._calls -= 1
        if self._calls > 0 and self._calls % 2:
            raise StoreUnavailable("cannot reach it")
        return self._real.client(role)
