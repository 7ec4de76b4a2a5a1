"""The one thread that writes: it commits everything that is waiting in one transaction."""

from __future__ import annotations

import os
import sqlite3
import time
from collections import deque
from dataclasses import dataclass
from logging import getLogger
from threading import Condition, Thread
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from sightline_core.bus.batch import EncodedMessage, encode_batch
from sightline_core.bus.protocol import Position
from sightline_core.bus.storage import charged_bytes, explain, statements, transaction
from sightline_core.errors import BusFull, BusUnavailable

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable, Sequence

    from sightline_core.bus.retention import Retention
    from sightline_core.bus.storage import LogFile, PartitionLog

TRANSACTION_BYTES: Final = 16 << 20
BATCH_BYTES: Final = 1 << 20
ROWS_PER_STATEMENT: Final = 16
DISK_RESERVE_BYTES: Final = 128 << 20
"""Free disk space that new messages leave alone, so that commits and retention still work."""
RETENTION_SECONDS: Final = 1.0


class Append(NamedTuple):
    """A message on its way to a partition."""

    log: PartitionLog
    message: EncodedMessage
    future: Future[Position]

    @property
    def doing(self) -> str:
        """What it does, for errors: "cannot <doing>: …"."""
        return f"append to {self.log.name.topic}-{self.log.name.partition}"


class Work(NamedTuple):
    """Anything else to write.

    Attributes:
        doing: what it does, for errors: "cannot <doing>: …".
        run: executes the SQL; its result is the future's.
        committed: changes the state in memory, after the commit.
    """

    doing: str
    run: Callable[[sqlite3.Connection], Any]
    committed: Callable[[], None]
    future: Future[Any]


T = TypeVar("T", Append, Work)


class Outcome(NamedTuple):
    """What became of an item; `result` may be an error."""

    item: Append | Work
    result: Any


@dataclass(slots=True)
class _Batch:
    log: PartitionLog
    base: int
    items: list[Append]
    data: bytes = b""

    @property
    def row(self) -> int:
        return self.log.row(self.base)


class Writer:
    """Collects appends and works from the event loop; reports outcomes there, a commit at a time.

    `settled` is called on the event loop of the items' futures, before the futures are resolved.
    """

    def __init__(
        self,
        file: LogFile,
        retention: Retention,
        max_bytes: int,
        settled: Callable[[Sequence[Outcome]], None],
    ) -> None:
        self._file = file
        self._retention = retention
        self._max_bytes = max_bytes
        self._settled = settled
        self._wake = Condition()
        self._appends: deque[Append] = deque()
        self._works: deque[Work] = deque()
        self._closing = False
        self._removal_failure = ""
        self._thread = Thread(target=self._run, name="bus-writer", daemon=True)
        self._thread.start()

    def submit(self, item: Append | Work) -> None:
        """Queue an item; its future tells what became of it."""
        with self._wake:
            if isinstance(item, Append):
                self._appends.append(item)
            else:
                self._works.append(item)
            self._wake.notify()

    def close(self) -> None:
        """Write what is queued, then close the database. Blocks."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        more_to_remove = False
        retention_due = time.monotonic()
        while True:
            wait = 0.0 if more_to_remove else retention_due - time.monotonic()
            appends, works, closing = self._take(max(0.0, wait))
            if appends or works:
                self._write(appends, works)
            elif closing:
                break
            if more_to_remove or time.monotonic() >= retention_due:
                more_to_remove = self._remove_old()
                retention_due = time.monotonic() + RETENTION_SECONDS
        self._file.connection.close()

    def _take(self, wait: float) -> tuple[list[Append], list[Work], bool]:
        with self._wake:
            self._wake.wait_for(lambda: self._appends or self._works or self._closing, wait)
            appends: list[Append] = []
            size = 0
            while self._appends and size < TRANSACTION_BYTES:
                appends.append(self._appends.popleft())
                size += appends[-1].message.size
            works = list(self._works)
            self._works.clear()
            return appends, works, self._closing

    def _write(self, appends: list[Append], works: list[Work]) -> None:
        # Progress goes first and on its own: it must not fail because messages do not fit.
        outcomes = [outcome for work in works for outcome in self._attempt([work], self._work)]
        outcomes += self._attempt(appends, self._append)
        self._report(outcomes)

    def _attempt(self, items: list[T], write: Callable[[list[T]], list[Outcome]]) -> list[Outcome]:
        try:
            return write(items)
        except sqlite3.Error as error:
            return [Outcome(item, explain(error, item.doing, self._file.path)) for item in items]
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, or waits for ever
            return [
                Outcome(item, BusUnavailable(f"cannot {item.doing}: {error!r}")) for item in items
            ]

    def _work(self, works: list[Work]) -> list[Outcome]:
        (work,) = works
        with transaction(self._file.connection):
            result = work.run(self._file.connection)
        work.committed()
        return [Outcome(work, result)]

    def _append(self, appends: list[Append]) -> list[Outcome]:
        admitted, refused = self._admit(appends)
        if not admitted:
            return refused
        now_ms = time.time_ns() // 1_000_000
        batches = _pack(admitted)
        facts = [
            (batch.row, len(batch.items), charged_bytes(len(batch.data)), now_ms)
            for batch in batches
        ]
        with transaction(self._file.connection):
            _insert(self._file.connection, "add_batch", facts)
            bodies = [(batch.row, batch.data) for batch in batches]
            _insert(self._file.connection, "add_body", bodies)
        return refused + [outcome for batch in batches for outcome in _finish(batch)]

    def _admit(self, appends: list[Append]) -> tuple[list[Append], list[Outcome]]:
        """Return what there is room for, and the refusals."""
        room, why = self._room()
        admitted: list[Append] = []
        refused: list[Outcome] = []
        for append in appends:
            size = charged_bytes(append.message.size)
            if size > room:
                refused.append(Outcome(append, BusFull(f"cannot {append.doing}: {why}")))
            else:
                room -= size
                admitted.append(append)
        return admitted, refused

    def _room(self) -> tuple[int, str]:
        room = self._max_bytes - self._file.held_bytes
        why = f"the bus holds its maximum of {self._max_bytes:,} bytes (bus_max_bytes)"
        disk = os.statvfs(self._file.path)
        free = disk.f_bavail * disk.f_frsize - DISK_RESERVE_BYTES
        if free < room:
            run = self._file.connection.execute
            pages, page_bytes = (
                run(f"PRAGMA {name}").fetchone()[0] for name in ("freelist_count", "page_size")
            )
            reusable = free + pages * page_bytes
            if reusable < room:
                room = reusable
                why = (
                    f"the disk of {self._file.path} is full "
                    f"({DISK_RESERVE_BYTES:,} bytes are kept free)"
                )
        return room, why

    def _remove_old(self) -> bool:
        try:
            removed = self._retention.remove_some()
        except sqlite3.Error as error:
            # Nothing was removed; the next turn tries again.
            if str(error) != self._removal_failure:
                self._removal_failure = str(error)
                getLogger(__name__).warning("cannot remove old messages: %s", error)
            return False
        self._removal_failure = ""
        return removed

    def _report(self, outcomes: list[Outcome]) -> None:
        loop = outcomes[0].item.future.get_loop()
        try:
            loop.call_soon_threadsafe(self._deliver, outcomes)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    def _deliver(self, outcomes: list[Outcome]) -> None:
        self._settled(outcomes)
        for item, result in outcomes:
            if item.future.done():
                continue  # its caller was cancelled
            if isinstance(result, Exception):
                item.future.set_exception(result)
            else:
                item.future.set_result(result)


def _pack(appends: list[Append]) -> list[_Batch]:
    """Give offsets, and lay messages of one partition together up to `BATCH_BYTES`."""
    batches: list[_Batch] = []
    filling: dict[int, _Batch] = {}
    sizes: dict[int, int] = {}
    for append in appends:
        log = append.log
        batch = filling.get(log.id)
        size = append.message.size
        if batch is None or sizes[log.id] + size > BATCH_BYTES:
            base = log.end if batch is None else batch.base + len(batch.items)
            batch = filling[log.id] = _Batch(log, base, [])
            sizes[log.id] = 0
            batches.append(batch)
        batch.items.append(append)
        sizes[log.id] += size
    for batch in batches:
        batch.data = encode_batch([item.message for item in batch.items])
    return batches


def _insert(connection: sqlite3.Connection, name: str, rows: list[tuple[Any, ...]]) -> None:
    # Each step of a statement gives up the GIL and fights a busy event loop for it: take few steps.
    # Powers of two keep the number of distinct, cached statements small.
    sql = statements()[name]
    at, take = 0, ROWS_PER_STATEMENT
    while at < len(rows):
        while take > len(rows) - at:
            take //= 2
        more = f", ({', '.join('?' * len(rows[0]))})" * (take - 1)
        connection.execute(sql + more, [value for row in rows[at : at + take] for value in row])
        at += take


def _finish(batch: _Batch) -> list[Outcome]:
    topic, number = batch.log.name
    batch.log.end = batch.base + len(batch.items)
    batch.log.held_bytes += charged_bytes(len(batch.data))
    return [
        Outcome(item, Position(topic, number, batch.base + index))
        for index, item in enumerate(batch.items)
    ]
