"""Which partition a message goes to."""

from __future__ import annotations

from struct import Struct, iter_unpack
from typing import Final

_WORD: Final = Struct("<I")
_MULTIPLIER: Final = 0x5BD1E995
_SEED: Final = 0x9747B28C
_MASK: Final = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """Return Kafka's 32-bit murmur2 of `data`, unsigned (`Utils.murmur2` in the Java client)."""
    aligned = len(data) & ~3
    hashed = _SEED ^ len(data)
    for (word,) in iter_unpack(_WORD.format, data[:aligned]):
        mixed = word * _MULTIPLIER & _MASK
        mixed = (mixed ^ mixed >> 24) * _MULTIPLIER & _MASK
        hashed = hashed * _MULTIPLIER & _MASK ^ mixed
    if tail := data[aligned:]:
        hashed = (hashed ^ int.from_bytes(tail, "little")) * _MULTIPLIER & _MASK
    hashed = (hashed ^ hashed >> 13) * _MULTIPLIER & _MASK
    return hashed ^ hashed >> 15


def partition_of_key(key: bytes, partitions: int) -> int:
    """Return the partition that Kafka's default partitioner takes for this key."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


class StickySpread:
    """Spreads keyless messages: stays with a partition for 1 MiB, so that batches stay large."""

    def __init__(self, bytes_each: int = 1 << 20) -> None:
        self._bytes_each = bytes_each
        self._sent = 0

    def next_partition(self, size: int, partitions: int) -> int:
        """Return the partition for a message of `size` bytes."""
        partition = self._sent // self._bytes_each % partitions
        self._sent += size
        return partition
