"""Poison messages: where they go and what is said about them (design D5)."""

from __future__ import annotations

import time
from importlib.metadata import version
from typing import TYPE_CHECKING

from sightline_core.bus.protocol import Message, Record
from sightline_core.wire.names import (
    DLQ_ATTEMPTS,
    DLQ_FIRST_SEEN,
    DLQ_MESSAGE,
    DLQ_OFFSET,
    DLQ_PARTITION,
    DLQ_REASON,
    DLQ_STAGE,
    DLQ_SUFFIX,
    DLQ_TOPIC,
    DLQ_VERSION,
)

if TYPE_CHECKING:
    from sightline_core.bus.protocol import Bus
    from sightline_core.errors import StoreError

MESSAGE_BYTES = 2000


async def dead_letter(bus: Bus, record: Record, error: StoreError, *, attempts: int) -> None:
    """Write `record` to its dead-letter topic, as it came, with why it is there.

    A crash between this and the offset commit writes it again; readers tell the copies by
    their original topic, partition and offset.
    """
    reason = f"engine_{error.code}" if error.code is not None else type(error).__name__
    about = {
        DLQ_REASON: reason,
        DLQ_MESSAGE: str(error)[:MESSAGE_BYTES],
        DLQ_STAGE: "insert",
        DLQ_TOPIC: record.topic,
        DLQ_PARTITION: str(record.partition),
        DLQ_OFFSET: str(record.offset),
        DLQ_FIRST_SEEN: str(time.time_ns()),
        DLQ_ATTEMPTS: str(attempts),
        DLQ_VERSION: version("sightline"),
    }
    headers = tuple((name, value.encode()) for name, value in about.items())
    message = Message(record.value, record.key, (*record.headers, *headers))
    await bus.send(f"{record.topic}{DLQ_SUFFIX}", message)
