"""What a bus takes: names, numbers and sizes, the same in every implementation here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sightline_core.bus.batch import EncodedMessage, encode_headers
from sightline_core.bus.partitioner import StickySpread, partition_of_key
from sightline_core.errors import BusError, MessageTooLarge
from sightline_core.wire.names import DLQ_SUFFIX

if TYPE_CHECKING:
    from sightline_core.bus.protocol import Message

MAX_PARTITIONS: Final = 1024
DEAD_LETTER_ROOM: Final = 64 << 10
"""Bytes that a topic of dead letters takes beyond the others: for what is said about the message,
and for the other way in which another bus counts its size."""
_TOPIC_NAME: Final = re.compile(r"[a-zA-Z0-9._-]{1,249}")


def check_topic(topic: str, partitions: int) -> None:
    """Take what Kafka would take.

    Raises:
        BusError: the name is not legal, or the number is not 1 to 1024.
    """
    if not _TOPIC_NAME.fullmatch(topic) or topic in {".", ".."}:
        raise BusError(
            f"cannot create topic {topic[:80]!r}: "
            "a name has 1 to 249 letters, digits, '.', '_' and '-'"
        )
    if not 1 <= partitions <= MAX_PARTITIONS:
        raise BusError(
            f"cannot create topic {topic} with {partitions} partitions: "
            f"1 to {MAX_PARTITIONS} are possible"
        )


def largest_message(topic: str, max_bytes: int) -> int:
    """Return the largest message of `topic`, in bytes, where `max_bytes` is that of telemetry."""
    return max_bytes + DEAD_LETTER_ROOM if topic.endswith(DLQ_SUFFIX) else max_bytes


def encode_message(topic: str, message: Message, max_bytes: int) -> EncodedMessage:
    """Lay out a message.

    Raises:
        MessageTooLarge: it takes more than `max_bytes`.
    """
    encoded = EncodedMessage(message.key, encode_headers(message.headers), message.value)
    if encoded.size > max_bytes:
        raise MessageTooLarge(
            f"cannot append a message of {encoded.size:,} bytes to {topic}: "
            f"{max_bytes:,} are possible; split it"
        )
    return encoded


class Partitioner:
    """Chooses partitions as `Bus.send` says."""

    def __init__(self) -> None:
        self._spread: dict[str, StickySpread] = {}

    def choose(
        self, topic: str, message: EncodedMessage, partitions: int, asked: int | None
    ) -> int:
        """Return the partition of a message.

        Raises:
            BusError: the one asked for does not exist.
        """
        if asked is not None:
            if not 0 <= asked < partitions:
                raise BusError(
                    f"cannot append to {topic}-{asked}: {topic} has {partitions} partitions"
                )
            return asked
        if message.key is not None:
            return partition_of_key(message.key, partitions)
        return self._spread.setdefault(topic, StickySpread()).next_partition(
            message.size, partitions
        )
