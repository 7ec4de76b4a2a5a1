"""Replace invalid UTF-8 in an OTLP request, so that one bad string does not cost the batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf.message import DecodeError

from sightline_core.wire.schema import lenient_request, string_fields
from sightline_core.wire.split import MalformedTelemetry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sightline_core.wire.names import Signal


def repair(signal: Signal, request: bytes) -> bytes:
    """Return `request` with every invalid UTF-8 sequence in its strings as U+FFFD.

    Walks every record in Python: for requests that the strict parse refused, and only those.

    Raises:
        MalformedTelemetry: it is not invalid UTF-8 that makes it unreadable.
    """
    try:
        message = lenient_request(signal).FromString(request)
    except DecodeError as error:
        raise MalformedTelemetry(f"cannot read the request: {error}") from error
    _mend(message, string_fields(signal))
    mended: bytes = message.SerializeToString()
    return mended


def _mend(message: Any, strings: Mapping[str, frozenset[str]]) -> None:
    names = strings[message.DESCRIPTOR.full_name]
    for field, value in message.ListFields():
        if field.message_type is not None:
            for nested in value if field.is_repeated else (value,):
                _mend(nested, strings)
        elif field.name not in names:
            continue
        elif field.is_repeated:
            value[:] = [_valid(text) for text in value]
        else:
            setattr(message, field.name, _valid(value))


def _valid(text: bytes) -> bytes:
    return text.decode("utf-8", "replace").encode()
