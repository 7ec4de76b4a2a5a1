"""Where dead letters are dealt with: the index of them, and the commands that people give.

Commands come over a topic of one partition. Its consumer group has one owner, so one process
carries them out, one at a time, in their order; a command is committed when it is done, so that a
crash leaves it for the next owner, who goes on with it (`sightline_pipeline.redrive`).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from sightline_core.bus.protocol import Committed, TopicPartition
from sightline_core.dead_letters.command import Command
from sightline_core.dead_letters.letter import sources
from sightline_core.errors import BusFull, BusUnavailable, Fenced, StoreError, StoreUnavailable
from sightline_core.wire.names import DEAD_LETTER_COMMANDS, DEAD_LETTER_DESK_GROUP
from sightline_pipeline.breaker import pause_seconds
from sightline_pipeline.dead_letter_index import DeadLetterIndex
from sightline_pipeline.redrive import Redrive
from sightline_pipeline.side_work import SideWork

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sightline_core.bus.protocol import Bus, Consumer, Record
    from sightline_core.dead_letters.letter import Source
    from sightline_core.settings import Settings
    from sightline_core.store.client import Store

log = logging.getLogger(__name__)

COMMANDS: Final = TopicPartition(DEAD_LETTER_COMMANDS, 0)
DEAD_LETTERS: Final = TopicPartition("*.dlq", 0)
"""Under which name the index reports: it reads all topics of dead letters."""
IDLE_SECONDS: Final = 5.0
BUSY_SECONDS: Final = 0.2
UNEXPLAINED_TRIES: Final = 5


async def keep_dead_letters(
    bus: Bus, store: Store, settings: Settings, beside: SideWork | None = None
) -> None:
    """Index dead letters and carry out commands until cancelled; errors are told to `beside`."""
    beside = beside or SideWork()
    known = sources(settings.dead_letter_topics)
    index = DeadLetterIndex(bus, store, known, settings)
    desk = DeadLetterDesk(bus, store, known)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(beside.keep("index dead letters", DEAD_LETTERS, index.run))
            group.create_task(beside.keep("carry out commands", COMMANDS, desk.run))
    finally:
        await desk.close()
        await index.close()


class DeadLetterDesk:
    """Takes commands from the bus and carries out one after the other."""

    def __init__(self, bus: Bus, store: Store, sources: Mapping[str, Source]) -> None:
        """Prepare; `sources` are the dead-letter topics by name."""
        self._bus = bus
        self._store = store
        self._sources = sources
        self._consumer: Consumer = bus.consumer(
            DEAD_LETTER_DESK_GROUP, [DEAD_LETTER_COMMANDS], self
        )
        self._waiting: deque[tuple[int, Command | None]] = deque()
        self._cancelled: set[str] = set()
        self._redrive: Redrive | None = None
        self._task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Carry out commands until cancelled."""
        failures = 0
        while True:
            try:
                if not failures:
                    await self._bus.create_topic(DEAD_LETTER_COMMANDS, partitions=1)
                await self._serve()
            except (BusFull, BusUnavailable, Fenced) as error:
                failures += 1
                log.warning("cannot take commands on dead letters, trying again: %s", error)
                await asyncio.sleep(pause_seconds(failures))

    async def close(self) -> None:
        """Stop what is under way, to be gone on with by the next owner, and leave the group."""
        await self._stop()
        await self._consumer.close()

    async def on_assigned(self, partitions: frozenset[TopicPartition]) -> None:
        """Take over: commands come from the first that is not done."""

    async def on_revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Stop: the next owner goes on with what is not done."""
        if COMMANDS in partitions:
            await self._stop()
            self._waiting.clear()

    async def _serve(self) -> None:
        while True:
            seconds = BUSY_SECONDS if self._waiting else IDLE_SECONDS
            polled = await self._consumer.poll(timeout=seconds)
            for record in polled.get(COMMANDS, ()):
                self._take(record)
            await self._advance()

    def _take(self, record: Record) -> None:
        try:
            command = Command.model_validate_json(record.value)
        except ValidationError as error:
            log.warning("cannot read command %d on dead letters: %s", record.offset, error)
            self._waiting.append((record.offset, None))
            return
        if command.action == "cancel":
            self._cancelled.add(command.id)
            if self._redrive is not None and self._redrive.id == command.id:
                self._redrive.cancelled = True
            self._waiting.append((record.offset, None))
        else:
            self._waiting.append((record.offset, command))

    async def _advance(self) -> None:
        """Commit what is done and begin what is next."""
        while self._waiting:
            offset, command = self._waiting[0]
            if command is not None and self._task is None:
                self._begin(offset, command)
            if self._task is not None:
                if not self._task.done():
                    return
                ended, self._task, self._redrive = self._task, None, None
                ended.result()
            await self._consumer.commit({COMMANDS: Committed(offset + 1)})
            self._waiting.popleft()

    def _begin(self, offset: int, command: Command) -> None:
        async def owned() -> None:
            # The offset stands still; that it can be committed says that the partition is ours.
            await self._consumer.commit({COMMANDS: Committed(offset, command.id)})

        redrive = Redrive(self._bus, self._store, self._sources, command, owned)
        redrive.cancelled = command.id in self._cancelled
        self._redrive = redrive
        self._task = asyncio.create_task(_carry_out(redrive))

    async def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task, self._redrive = None, None


async def _carry_out(redrive: Redrive) -> None:
    """Run it to its end, whatever passes on the way.

    Raises:
        Fenced: it is another's now; this owner must not commit the command.
    """
    failures = unexplained = 0
    while True:
        try:
            await redrive.run()
        except Fenced:
            log.info("redrive %s: another process goes on with it", redrive.id)
            raise
        except (BusFull, BusUnavailable, StoreUnavailable) as error:
            log.warning("redrive %s is interrupted, trying again: %s", redrive.id, error)
        except StoreError as error:
            unexplained += 1
            log.warning("redrive %s failed, trying again: %s", redrive.id, error)
            if unexplained >= UNEXPLAINED_TRIES:
                await redrive.give_up(str(error))
                return
        else:
            return
        failures += 1
        await asyncio.sleep(pause_seconds(failures))
