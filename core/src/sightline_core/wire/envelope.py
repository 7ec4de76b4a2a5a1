"""Facts about a message that travel with it: as headers on the bus, as fields into the store.

Protobuf messages merge when their bytes are concatenated, and the last value of a field wins. So a
message gets what the bus knows about it by appending the fields below; nothing is decoded. Every
field but `records` is always written, so that a payload cannot bring forged ones.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

from sightline_core.wire.names import (
    HEADER_ORIGIN,
    HEADER_RECEIVED_AT,
    HEADER_RECORDS,
    HEADER_SEQ,
    HEADER_TENANT,
)

if TYPE_CHECKING:
    from sightline_core.bus.protocol import Record

DEFAULT_TENANT: Final = "default"
_UINT64_MAX: Final = (1 << 64) - 1
_VARINT, _FIXED64, _LENGTH_DELIMITED = 0, 1, 2


class EnvelopeField(IntEnum):
    """Field numbers; far above those that OTLP uses or reserves."""

    TENANT = 1000  # string
    ORIGIN = 1001  # string, empty when the producer sent none
    SEQ = 1002  # uint64, 0 when the producer sent none
    TOPIC = 1003  # string
    PARTITION = 1004  # uint32
    OFFSET = 1005  # uint64
    RECEIVED_AT = 1006  # fixed64, unix nanoseconds
    ACCEPT_FROM = 1007  # fixed64, unix nanoseconds
    ACCEPT_UNTIL = 1008  # fixed64, unix nanoseconds
    RECORDS = 1009  # uint64, absent when the producer did not count
    BYTES = 1010  # uint64, size of the message without its envelope


def headers(
    *, tenant: str, origin: str, seq: int, records: int, received_at_unix_nano: int
) -> tuple[tuple[str, bytes], ...]:
    """Return the bus headers of a message that is counted here for the first time."""
    return (
        (HEADER_TENANT, tenant.encode()),
        (HEADER_ORIGIN, origin.encode()),
        (HEADER_SEQ, b"%d" % seq),
        (HEADER_RECORDS, b"%d" % records),
        (HEADER_RECEIVED_AT, b"%d" % received_at_unix_nano),
    )


def envelope(record: Record, *, accept_past_seconds: float, accept_future_seconds: float) -> bytes:
    """Return the protobuf fields to append to `record.value`.

    Headers may be missing or damaged, as in messages of a stock OpenTelemetry Collector: then the
    tenant is `default`, the origin empty, and the arrival the time at which the bus took it. So is
    an arrival further from that time than a record's own time may be.
    Records outside arrival `-accept_past_seconds … +accept_future_seconds` belong in quarantine.
    """
    given = dict(reversed(record.headers))  # the first of a repeated name counts
    past, future = int(accept_past_seconds * 1e9), int(accept_future_seconds * 1e9)
    received = received_unix_nano(
        record, accept_past_seconds=accept_past_seconds, accept_future_seconds=accept_future_seconds
    )
    parts = [
        _text(EnvelopeField.TENANT, given.get(HEADER_TENANT) or DEFAULT_TENANT.encode()),
        _text(EnvelopeField.ORIGIN, given.get(HEADER_ORIGIN, b"")),
        _number(EnvelopeField.SEQ, _decimal(given.get(HEADER_SEQ)) or 0),
        _text(EnvelopeField.TOPIC, record.topic.encode()),
        _number(EnvelopeField.PARTITION, record.partition),
        _number(EnvelopeField.OFFSET, record.offset),
        _time(EnvelopeField.RECEIVED_AT, received),
        _time(EnvelopeField.ACCEPT_FROM, received - past),
        _time(EnvelopeField.ACCEPT_UNTIL, received + future),
        _number(EnvelopeField.BYTES, len(record.value)),
    ]
    records = _decimal(given.get(HEADER_RECORDS))
    if records is not None:
        parts.append(_number(EnvelopeField.RECORDS, records))
    return b"".join(parts)


def received_unix_nano(
    record: Record, *, accept_past_seconds: float, accept_future_seconds: float
) -> int:
    """Return when Sightline first accepted the message, as its envelope says it."""
    past, future = int(accept_past_seconds * 1e9), int(accept_future_seconds * 1e9)
    taken = record.timestamp_ms * 1_000_000
    received = _decimal(record.header(HEADER_RECEIVED_AT))
    if received is None or not taken - past <= received <= taken + future:
        return taken
    return received


def delimited(payload: bytes, extra: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the parts of one message in a length-delimited stream: length, payload, envelope.

    Join the parts of many messages at once; the payload is not copied here.
    """
    return varint(len(payload) + len(extra)), payload, extra


def varint(number: int) -> bytes:
    """Return `number` (not negative) in protobuf's base-128 encoding."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _decimal(header: bytes | None) -> int | None:
    # Headers come from anybody; 20 digits hold every uint64 and keep `int` cheap.
    if not header or len(header) > 20 or not header.isdigit():
        return None
    number = int(header)
    return number if number <= _UINT64_MAX else None


_TAGS: Final = {
    (field, kind): varint(field << 3 | kind)
    for field in EnvelopeField
    for kind in (_VARINT, _FIXED64, _LENGTH_DELIMITED)
}


def _number(field: EnvelopeField, number: int) -> bytes:
    return _TAGS[field, _VARINT] + varint(number)


def _time(field: EnvelopeField, unix_nano: int) -> bytes:
    clamped = min(max(unix_nano, 0), _UINT64_MAX)
    return _TAGS[field, _FIXED64] + clamped.to_bytes(8, "little")


def _text(field: EnvelopeField, utf8: bytes) -> bytes:
    valid = utf8.decode("utf-8", "replace").encode()
    return _TAGS[field, _LENGTH_DELIMITED] + varint(len(valid)) + valid
