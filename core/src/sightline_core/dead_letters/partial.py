"""Read as much of a damaged protobuf message as can be read, and say where it breaks.

The strict parser says only that a message is broken. This one walks the wire format field by field,
keeps what it understood as OTLP/JSON, and goes on behind a damaged part where its length is intact.
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass, field
from struct import Struct
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.descriptor import FieldDescriptor

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.descriptor import Descriptor

MAX_DEPTH: Final = 100
"""Nested messages; what the protobuf parser reads."""
SHOWN_FIELDS: Final = 20_000
SHOWN_BREAKS: Final = 20

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_TYPES = FieldDescriptor
_HEX_FIELDS: Final = frozenset({"trace_id", "span_id", "parent_span_id"})
_FIXED: Final = {
    _TYPES.TYPE_DOUBLE: Struct("<d"),
    _TYPES.TYPE_FIXED64: Struct("<Q"),
    _TYPES.TYPE_SFIXED64: Struct("<q"),
    _TYPES.TYPE_FLOAT: Struct("<f"),
    _TYPES.TYPE_FIXED32: Struct("<I"),
    _TYPES.TYPE_SFIXED32: Struct("<i"),
}
_TEXTUAL: Final = frozenset({_TYPES.TYPE_STRING, _TYPES.TYPE_BYTES, _TYPES.TYPE_MESSAGE})
_WIDE: Final = frozenset(
    {
        _TYPES.TYPE_INT64, _TYPES.TYPE_UINT64, _TYPES.TYPE_SINT64, _TYPES.TYPE_FIXED64,
        _TYPES.TYPE_SFIXED64,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Break:
    """A place that cannot be read: bytes from the start of the message, and what is wrong there."""

    offset: int
    path: str
    reason: str


@dataclass(slots=True)
class Partial:
    """What was understood.

    Attributes:
        tree: the message as OTLP/JSON has it; unknown fields are left out.
        breaks: where it could not be read, the first `SHOWN_BREAKS`; empty: it is whole.
        cut: whether reading stopped because there are more fields than were asked for.
    """

    tree: dict[str, Any] = field(default_factory=dict)
    breaks: list[Break] = field(default_factory=list)
    cut: bool = False

    @property
    def whole(self) -> bool:
        """Whether `tree` is all of the message."""
        return not self.breaks and not self.cut


def decode_partially(descriptor: Descriptor, data: bytes, *, fields: int = SHOWN_FIELDS) -> Partial:
    """Return what can be read of `data`, at most about `fields` values; never raises."""
    walker = _Walker(data, fields)
    walker.found.tree = walker.message(descriptor, 0, len(data), "", 0)
    walker.found.breaks.sort(key=lambda one: one.offset)
    return walker.found


class _Broken(Exception):  # noqa: N818 - says what was found
    """The rest of the message at hand cannot be read."""


class _Walker:
    def __init__(self, data: bytes, fields: int) -> None:
        self.found = Partial()
        self._data = data
        self._left = fields

    def message(
        self, descriptor: Descriptor, at: int, end: int, path: str, depth: int
    ) -> dict[str, Any]:
        """Return the fields between two offsets, up to the first that cannot be told apart."""
        tree: dict[str, Any] = {}
        while at < end and not self.found.cut:
            start = at
            try:
                tag, at = self._varint(at, end)
                known = descriptor.fields_by_number.get(tag >> 3)
                here = f"{path}.{known.json_name}" if path and known else path
                if known and not path:
                    here = known.json_name
                at = self._field(tree, known, tag, at, end, here, depth)
            except _Broken as broken:
                self._note(start, path, str(broken))
                break
        return tree

    def _field(  # noqa: PLR0913, PLR0917 - the state of one step of the walk
        self,
        tree: dict[str, Any],
        known: FieldDescriptor | None,
        tag: int,
        at: int,
        end: int,
        path: str,
        depth: int,
    ) -> int:
        """Add one field to `tree` and return where the next one starts."""
        kind = tag & 7
        if tag >> 3 == 0:
            raise _Broken("field number 0")
        if kind == _LENGTH:
            length, at = self._varint(at, end)
            stop = at + length
        elif kind == _VARINT:
            _, stop = self._varint(at, end)
        elif kind in {_FIXED64, _FIXED32}:
            stop = at + (8 if kind == _FIXED64 else 4)
        else:
            raise _Broken(f"wire type {kind}, which OTLP does not use")
        if known is not None and kind in _wire_types(known):
            self._keep(tree, known, kind, at, min(stop, end), path, depth)
        elif known is not None:
            self._note(at, path, f"wire type {kind} does not fit the field; left out")
        if stop > end:
            raise _Broken(f"{stop - at} bytes announced, {end - at} there")
        return stop

    def _keep(  # noqa: PLR0913, PLR0917 - as above
        self,
        tree: dict[str, Any],
        known: FieldDescriptor,
        kind: int,
        at: int,
        end: int,
        path: str,
        depth: int,
    ) -> None:
        self._left -= 1
        if self._left < 0:
            self.found.cut = True
            return
        name = known.json_name
        values: list[Any]
        if known.message_type is not None:
            if depth >= MAX_DEPTH:
                self._note(at, path, "nested too deeply; left out")
                return
            values = [self.message(known.message_type, at, end, path, depth + 1)]
        elif known.type in _TEXTUAL:
            values = [self._text(known, at, end, path)]
        elif kind == _LENGTH:
            values = self._packed(known, at, end, path)
        else:
            values = [self._scalar(known, at, end)[0]]
        if known.is_repeated:
            tree.setdefault(name, []).extend(values)
        elif values:
            tree[name] = values[-1]

    def _text(self, known: FieldDescriptor, at: int, end: int, path: str) -> str:
        data = self._data[at:end]
        if known.type == _TYPES.TYPE_BYTES:
            plain = known.name in _HEX_FIELDS
            return data.hex() if plain else base64.b64encode(data).decode("ascii")
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            self._note(at + error.start, path, "not UTF-8; shown with U+FFFD")
            return data.decode(errors="replace")

    def _packed(self, known: FieldDescriptor, at: int, end: int, path: str) -> list[Any]:
        values: list[Any] = []
        try:
            while at < end and self._left > 0:
                value, at = self._scalar(known, at, end)
                values.append(value)
                self._left -= 1
        except _Broken as broken:
            self._note(at, path, str(broken))
        self.found.cut = self.found.cut or (at < end and self._left <= 0)
        return values

    def _scalar(self, known: FieldDescriptor, at: int, end: int) -> tuple[Any, int]:
        if fixed := _FIXED.get(known.type):
            if at + fixed.size > end:
                raise _Broken(f"{fixed.size} bytes needed, {end - at} there")
            number = fixed.unpack_from(self._data, at)[0]
            at += fixed.size
        else:
            number, at = self._varint(at, end)
            number = _SIGNED.get(known.type, _same)(number)
        return _json_value(known, number), at

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        number = 0
        for index in range(10):
            if at + index >= end:
                raise _Broken("it ends inside a number")
            byte = self._data[at + index]
            number |= (byte & 0x7F) << 7 * index
            if byte < 0x80:
                return number & (1 << 64) - 1, at + index + 1
        raise _Broken("a number longer than 10 bytes")

    def _note(self, at: int, path: str, reason: str) -> None:
        if len(self.found.breaks) < SHOWN_BREAKS:
            self.found.breaks.append(Break(at, path, reason))


def _wire_types(known: FieldDescriptor) -> tuple[int, ...]:
    if known.type in _TEXTUAL:
        return (_LENGTH,)
    fixed = _FIXED.get(known.type)
    own = _VARINT if fixed is None else _FIXED64 if fixed.size == 8 else _FIXED32
    return (own, _LENGTH) if known.is_repeated else (own,)


def _json_value(known: FieldDescriptor, number: Any) -> Any:
    if isinstance(number, float):
        if math.isnan(number):
            return "NaN"
        return number if math.isfinite(number) else "Infinity" if number > 0 else "-Infinity"
    if known.type == _TYPES.TYPE_BOOL:
        return bool(number)
    return str(number) if known.type in _WIDE else number


def _same(number: int) -> int:
    return number


def _signed(bits: int) -> Callable[[int], int]:
    def signed(number: int) -> int:
        number &= (1 << bits) - 1
        return number - (1 << bits) if number >> bits - 1 else number

    return signed


def _zigzag(number: int) -> int:
    return (number >> 1) ^ -(number & 1)


_SIGNED: Final[dict[int, Callable[[int], int]]] = {
    _TYPES.TYPE_INT32: _signed(32),
    _TYPES.TYPE_ENUM: _signed(32),
    _TYPES.TYPE_INT64: _signed(64),
    _TYPES.TYPE_UINT32: lambda number: number & 0xFFFFFFFF,
    _TYPES.TYPE_SINT32: _zigzag,
    _TYPES.TYPE_SINT64: _zigzag,
}
