"""Indexes what comes into dead-letter topics, so that people find it; the bytes stay on the bus."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from sightline_core.bus.protocol import Committed, TopicPartition
from sightline_core.dead_letters.content import Gist, gist, read_content
from sightline_core.dead_letters.letter import read_letter
from sightline_core.dead_letters.redact import redact_text
from sightline_core.errors import BusUnavailable, Fenced, OffsetOutOfRange, StoreError
from sightline_core.store.client import Role
from sightline_core.wire.names import DEAD_LETTER_GROUP
from sightline_pipeline.breaker import pause_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sightline_core.bus.protocol import Bus, Consumer, Record
    from sightline_core.dead_letters.letter import Letter, Source
    from sightline_core.settings import Settings
    from sightline_core.store.client import Store

log = logging.getLogger(__name__)

POLL_BYTES: Final = 4 << 20
POLL_SECONDS: Final = 5.0
MOST_AT_ONCE: Final = 1000
READ_BYTES: Final = 256 << 10
"""Of a value, for services, traces and the preview."""
READ_FIELDS: Final = 5000
TRIES_WITH_CONTENT: Final = 3
LATEST_MS: Final = 9_000_000_000_000
NOTHING: Final = Gist((), (), (), "")


class DeadLetterIndex:
    """Reads the dead-letter topics and keeps one row a letter in the store."""

    def __init__(
        self, bus: Bus, store: Store, sources: Mapping[str, Source], settings: Settings
    ) -> None:
        """Prepare; `sources` are the topics, by name."""
        self._store = store
        self._sources = sources
        self._keep_seconds = settings.dead_letter_retention_seconds
        self._consumer: Consumer = bus.consumer(DEAD_LETTER_GROUP, sorted(sources))

    async def run(self) -> None:
        """Index until cancelled; waits out an unavailable bus or store."""
        failures = 0
        while True:
            try:
                await self._step()
            except (BusUnavailable, Fenced) as error:
                failures += 1
                log.warning("cannot index dead letters yet, trying again: %s", error)
                await asyncio.sleep(pause_seconds(failures))
            except OffsetOutOfRange as error:
                log.warning("dead letters were removed before they were indexed: %s", error)
                self._consumer.seek(TopicPartition(*error.partition), error.nearest)
            else:
                failures = 0

    async def close(self) -> None:
        """Leave the group; what was only read is read again."""
        await self._consumer.close()

    async def _step(self) -> None:
        polled = await self._consumer.poll(max_bytes=POLL_BYTES, timeout=POLL_SECONDS)
        for partition, records in polled.items():
            started = time.monotonic()
            for first in range(0, len(records), MOST_AT_ONCE):
                await self._index(records[first : first + MOST_AT_ONCE])
            await self._consumer.commit({partition: Committed(records[-1].offset + 1)})
            if len(records) >= MOST_AT_ONCE:
                # A flood must not take the processor from the pipeline: at most half of one.
                await asyncio.sleep(time.monotonic() - started)

    async def _index(self, records: Sequence[Record]) -> None:
        failures = 0
        while True:
            try:
                await asyncio.to_thread(self._insert, records, look=failures < TRIES_WITH_CONTENT)
            except StoreError as error:
                failures += 1
                log.warning("cannot index %d dead letters, trying again: %s", len(records), error)
                await asyncio.sleep(pause_seconds(failures))
            else:
                return

    def _insert(self, records: Sequence[Record], *, look: bool) -> None:
        """Insert rows; without `look`, without what is inside, should that be what fails."""
        letters = [(record, read_letter(record, self._sources[record.topic])) for record in records]
        rows = [
            letter_row(record, letter, self._keep_seconds, look=look) for record, letter in letters
        ]
        insert_rows(self._store, "sightline_dead_letters", rows)
        parked = [_parked(record, letter) for record, letter in letters if letter.redrives]
        if parked:
            insert_rows(self._store, "sightline_dead_letter_events", parked)


def letter_row(
    record: Record, letter: Letter, keep_seconds: float, *, look: bool = True
) -> dict[str, Any]:
    """Return the row of sightline_dead_letters for a record; never raises."""
    inside = NOTHING
    if look:
        content = read_content(letter.source, record.value[:READ_BYTES], fields=READ_FIELDS)
        inside = gist(letter.source, record, content)
    place, taken = letter.place, _bounded(record.timestamp_ms, LATEST_MS)
    return {
        "Id": letter.id, "Kind": letter.source.kind, "Topic": letter.source.target,
        "Partition": place.partition, "Offset": place.offset, "Timestamp": _ms(place.timestamp_ms),
        "DlqTopic": record.topic, "DlqPartition": record.partition, "DlqOffset": record.offset,
        "DlqTimestamp": _ms(record.timestamp_ms), "FirstSeen": time_text(letter.first_seen),
        "Signal": letter.source.signal or "", "Tenant": letter.tenant, "Origin": letter.origin,
        "Seq": letter.seq, "Records": letter.records, "ReceivedAt": time_text(letter.received_at),
        "ServiceNames": list(inside.services), "TraceIds": list(inside.trace_ids),
        "CorrelationIds": list(inside.correlation_ids), "Reason": letter.reason,
        "Message": redact_text(letter.message), "Exception": letter.exception,
        "Stage": letter.stage, "ComponentVersion": letter.version, "Attempts": letter.attempts,
        "Redrives": letter.redrives, "Fingerprint": letter.fingerprint,
        "Pattern": redact_text(letter.pattern), "Size": len(record.value),
        "Preview": inside.preview, "Version": (letter.redrives << 48) + taken,
        "ExpiresAt": min(int(taken / 1000 + keep_seconds), 0xFFFFFFFF),
    }  # fmt: skip


def insert_rows(store: Store, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, columns by name; times as `time_text` gives them.

    Raises:
        StoreError: nothing, or all of it, is in.
    """
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    body = lines.encode("utf-8", "replace")
    with store.client(Role.INGEST) as client:
        client.raw_insert(table, insert_block=body, fmt="JSONEachRow")


def _parked(record: Record, letter: Letter) -> dict[str, Any]:
    return {
        "LetterId": letter.id,
        "Redrives": letter.redrives,
        "State": "parked",
        "Time": _ms(record.timestamp_ms),
        "Actor": "",
        "Reason": letter.reason,
        "RedriveId": "",
    }


def time_text(unix_nano: int) -> str:
    """Return a time as the store reads it, the nearest one that it can hold."""
    seconds, rest = divmod(_bounded(unix_nano, LATEST_MS * 1_000_000), 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"


def _ms(unix_ms: int) -> str:
    return time_text(unix_ms * 1_000_000)


def _bounded(number: int, most: int) -> int:
    """Producers on Kafka set what time they like."""
    return max(0, min(number, most))
