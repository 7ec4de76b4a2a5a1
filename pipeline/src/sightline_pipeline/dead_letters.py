"""Poison messages: where they go and what is said about them (design D5)."""

from __future__ import annotations

import time
from importlib.metadata import version
from typing import TYPE_CHECKING

from sightline_core.bus.protocol import Message, Record
from sightline_core.errors import MessageTooLarge
from sightline_core.wire.names import (
    DLQ_ATTEMPTS,
    DLQ_EXCEPTION,
    DLQ_FIRST_SEEN,
    DLQ_MESSAGE,
    DLQ_OFFSET,
    DLQ_PARTITION,
    DLQ_REASON,
    DLQ_STAGE,
    DLQ_SUFFIX,
    DLQ_TIMESTAMP,
    DLQ_TOPIC,
    DLQ_VERSION,
)

if TYPE_CHECKING:
    from sightline_core.bus.protocol import Bus
    from sightline_core.errors import StoreError

MESSAGE_BYTES = 2000
SHORT_BYTES = 60


async def dead_letter(
    bus: Bus, record: Record, error: StoreError, *, attempts: int, reason: str = ""
) -> None:
    """Write `record` to its dead-letter topic, as it came, with why it is there.

    Value, key and headers stay as they are, ours stand behind them. Its bus timestamp is one of
    ours: were it the letter's own, a late one would be removed by retention as it arrives.

    A crash between this and the offset commit writes it again; readers tell the copies by their
    original topic, partition, offset and timestamp.

    Args:
        bus: with the dead-letter topic.
        record: which message.
        error: why it cannot be stored.
        attempts: how often that was tried with this message alone.
        reason: machine-readable; default: what `error` is.

    Raises:
        BusFull, BusUnavailable: try again.
        MessageTooLarge: it fills the largest message by itself, without a word about it.
    """
    topic = f"{record.topic}{DLQ_SUFFIX}"
    about = _about(record, error, attempts, reason)
    try:
        await bus.send(topic, _letter(record, about))
    except MessageTooLarge:
        # The bus took the message, but not with so many words behind it.
        about[DLQ_MESSAGE] = about[DLQ_MESSAGE][:SHORT_BYTES]
        await bus.send(topic, _letter(record, about))


def _about(record: Record, error: StoreError, attempts: int, reason: str) -> dict[str, str]:
    known = f"engine_{error.code}" if error.code is not None else type(error).__name__
    return {
        DLQ_REASON: reason or known,
        DLQ_MESSAGE: str(error)[:MESSAGE_BYTES],
        DLQ_EXCEPTION: type(error).__name__,
        DLQ_STAGE: "insert",
        DLQ_TOPIC: record.topic,
        DLQ_PARTITION: str(record.partition),
        DLQ_OFFSET: str(record.offset),
        DLQ_TIMESTAMP: str(record.timestamp_ms),
        DLQ_FIRST_SEEN: str(time.time_ns()),
        DLQ_ATTEMPTS: str(attempts),
        DLQ_VERSION: version("sightline"),
    }


def _letter(record: Record, about: dict[str, str]) -> Message:
    headers = tuple((name, value.encode("utf-8", "replace")) for name, value in about.items())
    return Message(record.value, record.key, (*record.headers, *headers))
