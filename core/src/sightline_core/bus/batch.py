"""How the messages of one batch lie in a row: an index of fixed-size entries, then their bytes.

    n entries │ key, headers, value of message 0 │ of message 1 │ …

An entry is 12 bytes, little endian: key length (-1: no key), header bytes, end of the message
counted from the end of the index. A header is its name's and value's length (2 and 4 bytes), then
name and value. Any message can be cut out without looking at the ones before it.
"""

from __future__ import annotations

from itertools import accumulate
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from sightline_core.bus.protocol import Record, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Sequence

_ENTRY = Struct("<iII")
_HEADER = Struct("<HI")
_NO_KEY = -1


class EncodedMessage(NamedTuple):
    """A message with its headers laid out."""

    key: bytes | None
    headers: bytes
    value: bytes

    @property
    def size(self) -> int:
        """Bytes that it takes in a batch."""
        return _ENTRY.size + len(self.key or b"") + len(self.headers) + len(self.value)


class StoredBatch(NamedTuple):
    """A batch as it was read: `messages` messages, the first at offset `base`."""

    base: int
    messages: int
    timestamp_ms: int
    data: bytes


def encode_headers(headers: Sequence[tuple[str, bytes]]) -> bytes:
    """Lay out headers, in order.

    Raises:
        ValueError: a name is longer than 65,535 bytes of UTF-8.
    """
    parts: list[bytes] = []
    for name, value in headers:
        encoded = name.encode()
        if len(encoded) > 0xFFFF:
            raise ValueError(f"cannot send header {name[:40]!r}…: its name exceeds 65,535 bytes")
        parts += (_HEADER.pack(len(encoded), len(value)), encoded, value)
    return b"".join(parts)


def encode_batch(messages: Sequence[EncodedMessage]) -> bytes:
    """Lay out a batch."""
    ends = accumulate(message.size - _ENTRY.size for message in messages)
    parts = [
        _ENTRY.pack(_NO_KEY if key is None else len(key), len(headers), end)
        for (key, headers, _), end in zip(messages, ends, strict=True)
    ]
    for key, headers, value in messages:
        parts += (key or b"", headers, value)
    return b"".join(parts)


def decode_batch(
    partition: TopicPartition, batch: StoredBatch, first: int, last: int
) -> list[Record]:
    """Return the records of a batch with `first <= offset <= last`.

    Raises:
        struct.error, UnicodeDecodeError: the row is damaged.
    """
    start = max(first - batch.base, 0)
    stop = min(last - batch.base + 1, batch.messages)
    origin = batch.messages * _ENTRY.size
    begin = origin
    if start:
        begin += _ENTRY.unpack_from(batch.data, (start - 1) * _ENTRY.size)[2]
    records: list[Record] = []
    for index in range(start, stop):
        key_bytes, header_bytes, end = _ENTRY.unpack_from(batch.data, index * _ENTRY.size)
        headers_at = begin + max(key_bytes, 0)
        value_at = headers_at + header_bytes
        records.append(
            Record(
                topic=partition.topic,
                partition=partition.partition,
                offset=batch.base + index,
                timestamp_ms=batch.timestamp_ms,
                value=batch.data[value_at : origin + end],
                key=None if key_bytes == _NO_KEY else batch.data[begin:headers_at],
                headers=_decode_headers(batch.data, headers_at, value_at),
            )
        )
        begin = origin + end
    return records


def _decode_headers(data: bytes, at: int, end: int) -> tuple[tuple[str, bytes], ...]:
    headers: list[tuple[str, bytes]] = []
    while at < end:
        name_bytes, value_bytes = _HEADER.unpack_from(data, at)
        name_at = at + _HEADER.size
        value_at = name_at + name_bytes
        at = value_at + value_bytes
        headers.append((data[name_at:value_at].decode(), data[value_at:at]))
    return tuple(headers)
