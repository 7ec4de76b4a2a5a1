"""Carries out one command on dead letters: sends them again, or says that they are discarded.

Never twice, whatever ends it in the middle: before each page of letters, the ends of the partitions
that it will send to are written down. Whoever takes the command up again reads what came behind
those ends, finds its own messages by a header, and goes on with the letters that are not there.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from dataclasses import dataclass, field, replace
from string import Template
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sightline_core.bus.protocol import Message, TopicPartition
from sightline_core.dead_letters.command import condition
from sightline_core.dead_letters.fix import CannotFix, apply_fix
from sightline_core.dead_letters.letter import (
    header_text,
    read_letter,
    redriven_headers,
    split_headers,
)
from sightline_core.errors import MessageTooLarge, OffsetOutOfRange
from sightline_core.wire.names import HEADER_RECORDS, REDRIVE_COUNT, REDRIVE_ID, REDRIVE_LETTER
from sightline_pipeline.dead_letter_index import insert_rows, time_text
from sightline_pipeline.landing import SQL

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from sightline_core.bus.protocol import Bus, Record
    from sightline_core.dead_letters.command import Command
    from sightline_core.dead_letters.letter import Headers, Source
    from sightline_core.store.client import Store

log = logging.getLogger(__name__)
T = TypeVar("T")

PAGE: Final = 200
SLICE: Final = 50
"""Letters that are sent together; ownership is asked for right before them."""
FINISH_SECONDS: Final = 10.0
"""How long sends under way may take to end when somebody else is to go on."""
TERM: Final = 1 << 32
"""Versions of one owner: whoever takes over writes higher ones than all before, also later."""
DISCARD_PAGE: Final = 5000
SCAN: Final = 500
MOST_PROBLEMS: Final = 20
NO_GROUP: Final = "sightline-redrive"
"""Never joined; asking for its lag tells where partitions end."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a command is; the row of sightline_redrives."""

    state: str = "running"
    total: int = 0
    done: int = 0
    failed: int = 0
    problems: tuple[str, ...] = ()
    ends: Mapping[str, int] = field(default_factory=dict)
    version: int = 0

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do."""
        return self.state != "running"


@dataclass(slots=True)
class Pace:
    """Spreads sends over time: `rate` a second."""

    rate: float
    _next: float = 0.0

    async def wait(self, messages: int) -> None:
        """Return when so many more may be sent."""
        now = time.monotonic()
        await asyncio.sleep(max(0.0, self._next - now))
        self._next = max(now, self._next) + messages / self.rate


@dataclass(frozen=True, slots=True)
class _Outgoing:
    """A letter on its way; without a partition, its key decides."""

    topic: str
    message: Message
    partition: int | None


class Redrive:
    """One command under way."""

    def __init__(
        self,
        bus: Bus,
        store: Store,
        sources: Mapping[str, Source],
        command: Command,
        owned: Callable[[], Awaitable[None]],
    ) -> None:
        """Prepare.

        Args:
            bus: read from and sent to.
            store: where the index and the progress are.
            sources: dead-letter topics by name; only these are read from.
            command: a redrive or a discard.
            owned: raises `Fenced` when somebody else carries out commands by now.
        """
        self._bus = bus
        self._store = store
        self._sources = sources
        self._command = command
        self._owned = owned
        self._pace = Pace(command.rate)
        self.progress = Progress()
        self.cancelled = False

    @property
    def id(self) -> str:
        """Id of the command."""
        return self._command.id

    async def give_up(self, why: str) -> None:
        """Say that it failed; what it did stays done."""
        await self._save(state="failed", problems=(*self.progress.problems, why[:500]))

    async def run(self) -> None:
        """Begin or go on, until every letter is dealt with.

        Raises:
            Fenced: somebody else has taken over.
            BusFull, BusUnavailable, StoreError: run it again; nothing is done twice.
        """
        found = await asyncio.to_thread(self._stored)
        if found is None:
            total = (await self._rows("dead_letters_selected_count", self._selection()))[0]
            self.progress = Progress(total=int(total["letters"]))
            await self._save()
        else:
            if found.finished:
                return
            self.progress = replace(found, version=(found.version // TERM + 1) * TERM)
            await self._save()
            if not await self._reconcile():
                return
        await self._pages()

    async def _pages(self) -> None:
        discard = self._command.action == "discard"
        after: tuple[int, str] = (-1, "")
        while not self.cancelled:
            page = await self._page(after, DISCARD_PAGE if discard else PAGE)
            if not page:
                break
            await self._owned()
            if discard:
                await self._record_events(page, "discarded")
            else:
                await self._send_page(page)
            after = (page[-1]["time"], page[-1]["id"])
            self.progress = replace(self.progress, done=await self._done())
            await self._save()
        await self._save(state="cancelled" if self.cancelled else "done")

    async def _page(self, after: tuple[int, str], limit: int) -> list[dict[str, Any]]:
        where = {"after_time": after[0], "after_id": after[1], "limit": limit}
        return await self._rows(
            "dead_letters_selected", self._selection() | where | {"redrive": self._command.id}
        )

    async def _send_page(self, page: Sequence[dict[str, Any]]) -> None:
        ends = await self._ends({row["topic"] for row in page})
        self.progress = replace(self.progress, ends=ends)
        await self._save()
        sent: list[dict[str, Any]] = []
        together = max(1, min(SLICE, int(self._command.rate / 10)))
        for first in range(0, len(page), together):
            if self.cancelled:
                break
            slice_ = page[first : first + together]
            ready = await self._settled(slice_, [self._prepared(row) for row in slice_])
            rows = [row for row, _ in ready]
            await self._pace.wait(len(rows))
            await self._owned()  # nothing may stand between this and the sends
            sends = [self._bus.send(to.topic, to.message, partition=to.partition)
                     for _, to in ready]  # fmt: skip
            sent += [row for row, _ in await self._settled(rows, sends)]
        await self._record_events(sent, "redriven")

    async def _settled(
        self, rows: Sequence[dict[str, Any]], calls: Iterable[Awaitable[T]]
    ) -> list[tuple[dict[str, Any], T]]:
        """Make one call a letter, all together; return those of the letters that can be sent."""
        outcomes = await _to_the_end(asyncio.gather(*calls, return_exceptions=True))
        settled: list[tuple[dict[str, Any], T]] = []
        for row, outcome in zip(rows, outcomes, strict=True):
            if isinstance(outcome, (CannotFix, MessageTooLarge, OffsetOutOfRange)):
                self._failed(row, outcome)
            elif isinstance(outcome, BaseException):
                raise outcome  # what was sent is found behind `ends` when this runs again
            else:
                settled.append((row, outcome))
        return settled

    async def _prepared(self, row: Mapping[str, Any]) -> _Outgoing:
        """Return one letter as it is to be sent to where it came from.

        Raises:
            CannotFix, OffsetOutOfRange: this letter cannot be sent.
        """
        record, source = await self._read(row)
        letter = read_letter(record, source)
        fixed = await asyncio.to_thread(apply_fix, self._command.fix, letter, record.value)
        original, _ = split_headers(record.headers)
        headers = redriven_headers(letter, original, self._command.id, row["redrives"] + 1)
        if fixed.records is not None:
            headers = _declaring(headers, fixed.records)
        partitions = await self._bus.partitions(source.target)
        # A key finds its partition; a message without one goes back where it was.
        known = record.key is None and row["partition"] < partitions
        message = Message(fixed.value, record.key, headers)
        return _Outgoing(source.target, message, row["partition"] if known else None)

    async def _read(self, row: Mapping[str, Any]) -> tuple[Record, Source]:
        source = self._sources.get(row["dlq_topic"])
        if source is None:
            raise CannotFix(
                f"cannot read it: {row['dlq_topic']} is not in dead_letter_topics any more"
            )
        at = TopicPartition(row["dlq_topic"], row["dlq_partition"])
        found = await self._bus.read(at, row["dlq_offset"], row["dlq_offset"])
        if not found:
            raise CannotFix("cannot read it: its bytes have left the dead-letter topic")
        return found[0], source

    def _failed(self, row: Mapping[str, Any], error: Exception) -> None:
        problems = (*self.progress.problems, f"{row['id']}: {error}"[:500])[:MOST_PROBLEMS]
        self.progress = replace(self.progress, failed=self.progress.failed + 1, problems=problems)

    async def _reconcile(self) -> bool:
        """Record what was sent before an end in the middle; say whether that is known."""
        sent: dict[str, int] = {}
        for at, first in self.progress.ends.items():
            topic, _, number = at.rpartition("/")
            try:
                sent |= await self._sent(TopicPartition(topic, int(number)), first)
            except OffsetOutOfRange as error:
                why = (
                    f"cannot tell which letters were sent before it was interrupted: {error}; "
                    "ask again for those that are still missing"
                )
                await self._save(state="failed", problems=(*self.progress.problems, why))
                return False
        rows = [{"id": letter, "redrives": count - 1} for letter, count in sent.items()]
        await self._record_events(rows, "redriven")
        # Letters that failed are tried again, and counted again.
        done = await self._done()
        self.progress = replace(self.progress, done=done, failed=0, problems=(), ends={})
        return True

    async def _sent(self, partition: TopicPartition, first: int) -> dict[str, int]:
        """Return this redrive's letters behind an offset, with how often each was sent."""
        lags = await self._bus.lag(NO_GROUP, partition.topic)
        end = next((lag.end for lag in lags if lag.partition == partition.partition), first)
        found: dict[str, int] = {}
        for start in range(first, end, SCAN):
            records = await self._bus.read(partition, start, min(start + SCAN, end) - 1)
            for record in records:
                if header_text(record.headers, REDRIVE_ID) == self._command.id:
                    count = header_text(record.headers, REDRIVE_COUNT)
                    found[header_text(record.headers, REDRIVE_LETTER)] = int(count)
        return found

    async def _ends(self, topics: Iterable[str]) -> dict[str, int]:
        ends: dict[str, int] = {}
        for topic in topics:
            lags = await self._bus.lag(NO_GROUP, topic)
            # A topic that is not there is made by the first message to it, with one partition.
            ends |= {f"{topic}/{lag.partition}": lag.end for lag in lags} or {f"{topic}/0": 0}
        return ends

    async def _record_events(self, rows: Sequence[Mapping[str, Any]], state: str) -> None:
        now = time_text(time.time_ns())
        again = 0 if state == "discarded" else 1
        events = [
            {
                "LetterId": row["id"], "Redrives": row["redrives"] + again, "State": state,
                "Time": now, "Actor": self._command.actor, "Reason": self._command.reason,
                "RedriveId": self._command.id,
            }
            for row in rows
        ]  # fmt: skip
        if events:
            await asyncio.to_thread(
                insert_rows, self._store, "sightline_dead_letter_events", events
            )

    async def _done(self) -> int:
        return (await self._rows("redrive", {"id": self._command.id}))[0]["done"]  # type: ignore[no-any-return]

    async def _save(self, **changes: Any) -> None:
        self.progress = replace(self.progress, version=self.progress.version + 1, **changes)
        command, progress = self._command, self.progress
        asked = command.model_dump(
            mode="json", include={"selection", "fix", "rate", "reason"}, exclude_none=True
        )
        row = {
            "Id": command.id, "Action": command.action, "State": progress.state,
            "CreatedAt": time_text(command.created_at), "UpdatedAt": time_text(time.time_ns()),
            "Actor": command.actor, "Address": command.address,
            "Request": json.dumps(asked, ensure_ascii=False),
            "Total": progress.total, "Done": progress.done, "Failed": progress.failed,
            "Problems": list(progress.problems), "Ends": dict(progress.ends),
            "Version": progress.version,
        }  # fmt: skip
        await asyncio.to_thread(insert_rows, self._store, "sightline_redrives", [row])

    def _stored(self) -> Progress | None:
        rows = self._store.rows(_sql("redrive"), {"id": self._command.id})
        if not rows:
            return None
        row = rows[0]
        del row["id"]
        return Progress(**row | {"problems": tuple(row["problems"])})

    def _selection(self) -> dict[str, Any]:
        assert self._command.selection is not None
        return self._command.selection.parameters() | {"asked": self._command.created_at}

    async def _rows(self, name: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        return await asyncio.to_thread(self._store.rows, _sql(name), parameters)


async def _to_the_end(calls: asyncio.Future[T]) -> T:
    """Wait, and when cancelled wait for what is under way first.

    A message that arrives after the next owner has looked for it would be sent twice.
    """
    try:
        return await asyncio.shield(calls)
    except asyncio.CancelledError:
        await asyncio.wait([calls], timeout=FINISH_SECONDS)
        calls.cancel()
        raise


def _sql(name: str) -> str:
    text = (SQL / f"{name}.sql").read_text(encoding="utf-8")
    return Template(text).safe_substitute(selection=condition())


def _declaring(headers: Headers, records: int) -> Headers:
    """Return the headers with the number of records as it is after a fix."""
    kept = tuple(header for header in headers if header[0] != HEADER_RECORDS)
    return ((HEADER_RECORDS, b"%d" % records), *kept)
