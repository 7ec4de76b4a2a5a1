"""Reads batches in a thread and a connection of its own."""

from __future__ import annotations

import asyncio
import sqlite3
import struct
from concurrent.futures import ThreadPoolExecutor
from operator import itemgetter
from typing import TYPE_CHECKING, Final, TypeVar

from sightline_core.bus.batch import StoredBatch, decode_batch
from sightline_core.bus.storage import LAST_OFFSET, explain, statements
from sightline_core.errors import OffsetOutOfRange

if TYPE_CHECKING:
    from collections.abc import Callable

    from sightline_core.bus.protocol import Record
    from sightline_core.bus.storage import LogFile, PartitionLog

BATCHES_AT_ONCE: Final = 4096
T = TypeVar("T")


class Reader:
    """Reads that block neither the event loop nor the writer."""

    def __init__(self, file: LogFile) -> None:
        self._path = file.path
        self._connection = file.connect_reader()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bus-reader")

    async def records(
        self, log: PartitionLog, first: int, last: int, max_bytes: int
    ) -> list[Record]:
        """Return records from `first` on: one, and more up to `last` while within `max_bytes`.

        Raises:
            OffsetOutOfRange: `first` is not held.
            BusError: the file is damaged.
            BusUnavailable: the disk does not answer.
        """
        records = await self._run(lambda: self._records(log, first, last, max_bytes))
        if not records or records[0].offset != first:
            raise OffsetOutOfRange(
                f"cannot read {log.name.topic}-{log.name.partition} from offset {first}: "
                "retention has just removed it; seek to an offset that is held",
                partition=log.name,
                nearest=log.start,
            )
        return records

    async def timestamp_ms(self, log: PartitionLog, offset: int) -> int | None:
        """Return when the message at `offset` was taken, None if it is not held."""
        return await self._run(lambda: self._batch_of(log, offset)[1])

    def close(self) -> None:
        """Finish what is being read, then close. Blocks."""
        self._thread.shutdown()
        self._connection.close()

    def _batch_of(self, log: PartitionLog, offset: int) -> tuple[int, int | None]:
        """Return the row id of the batch that holds `offset`, if it is held, and its timestamp."""
        found: tuple[int, int] | None = self._connection.execute(
            statements()["find_batch"], {"id": log.row(offset), "floor": log.row(0)}
        ).fetchone()
        return found or (log.row(offset), None)

    def _records(self, log: PartitionLog, first: int, last: int, max_bytes: int) -> list[Record]:
        wanted = {
            "first": self._batch_of(log, first)[0],
            "last": log.row(min(last, log.end - 1)),
            "batches": BATCHES_AT_ONCE,
            "bytes": max_bytes,
        }
        rows = self._connection.execute(statements()["read_batches"], wanted).fetchall()
        records: list[Record] = []
        for row, messages, timestamp_ms, data in sorted(rows, key=itemgetter(0)):
            batch = StoredBatch(row & LAST_OFFSET, messages, timestamp_ms, data)
            for record in decode_batch(log.name, batch, first, last):
                max_bytes -= len(record.value)
                if max_bytes < 0 and records:
                    return records
                records.append(record)
        return records

    async def _run(self, read: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, read)
        except sqlite3.Error as error:
            raise explain(error, "read the bus", self._path) from error
        except (struct.error, UnicodeDecodeError) as error:
            damaged = sqlite3.DatabaseError(f"a batch cannot be decoded: {error}")
            damaged.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise explain(damaged, "read the bus", self._path) from error
