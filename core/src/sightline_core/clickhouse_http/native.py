"""Native blocks as newer clients ask for them with `client_protocol_version`.

The embedded engine always writes version 0. Clients of the Go driver (Grafana among them) cannot
read that: they expect an info block before each block and a flag in each column. Both are added
here, which takes knowing where a column ends: by its type, for strings by their lengths.
Source: clickhouse.com/docs/en/native-protocol, and what the engine writes.
"""

from __future__ import annotations

import re
from typing import Final

from sightline_core.clickhouse_http.refusal import NOT_IMPLEMENTED, Refusal

FLAGGED: Final = 54454
"""First version whose columns say whether they are serialized in a special way.

Versions below it differ only in the info block; clients that ask for those check what they get,
and also take version 0.
"""
# field 1: is_overflows = 0; field 2: bucket_num = -1; end
_INFO: Final = b"\x01\x00\x02\xff\xff\xff\xff\x00"
_WIDTHS: Final = {
    **dict.fromkeys(("Int8", "UInt8", "Bool", "Enum8", "Nothing"), 1),
    **dict.fromkeys(("Int16", "UInt16", "Date", "Enum16", "BFloat16"), 2),
    **dict.fromkeys(("Int32", "UInt32", "Float32", "Date32", "DateTime", "IPv4", "Decimal32"), 4),
    **dict.fromkeys(("Int64", "UInt64", "Float64", "DateTime64", "Time64", "Decimal64"), 8),
    **dict.fromkeys(("Int128", "UInt128", "UUID", "IPv6", "Decimal128"), 16),
    **dict.fromkeys(("Int256", "UInt256", "Decimal256"), 32),
    "Time": 4,
}
_DECIMALS: Final = ((9, 4), (18, 8), (38, 16), (76, 32))
_TYPE = re.compile(r"(\w+)(?:\((.*)\))?", re.DOTALL)
_PIECE = re.compile(r"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|[(),]|[^(),'`]+")
_FIELD_NAME = re.compile(r"(?:`(?:[^`\\]|\\.)*`|\w+) +(?=[A-Z])")


def with_protocol(blocks: bytes, version: int) -> bytes:
    """Return whole Native blocks of version 0 in the form that `version` has.

    Raises:
        Refusal: a column of a type whose length this module cannot tell.
    """
    if version < FLAGGED or not blocks:
        return blocks
    out, at = bytearray(), 0
    while at < len(blocks):
        reader = _Reader(blocks, at)
        columns, rows = reader.number(), reader.number()
        out += _INFO
        out += blocks[at : reader.at]
        at = reader.at
        for _ in range(columns):
            reader.skip_text()
            kind = reader.text()
            out += blocks[at : reader.at] + b"\x00"
            at = reader.at
            if rows:
                reader.skip_prefix(kind)
                reader.skip(kind, rows)
            out += blocks[at : reader.at]
            at = reader.at
    return bytes(out)


class _Reader:
    """A place in Native data."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self.at = at

    def number(self) -> int:
        value = shift = 0
        while True:
            byte = self._data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def fixed(self) -> int:
        self.at += 8
        return int.from_bytes(self._data[self.at - 8 : self.at], "little")

    def skip_text(self) -> None:
        size = self.number()
        self.at += size

    def text(self) -> str:
        size = self.number()
        self.at += size
        return self._data[self.at - size : self.at].decode()

    def skip_prefix(self, kind: str) -> None:
        """Skip what stands once before the data of a column: versions of dictionaries."""
        name, inner = split_type(kind)
        if name == "LowCardinality":
            self.at += 8
            return
        for one in inner if name in {"Array", "Nullable", "Map", "Tuple", "Nested"} else ():
            self.skip_prefix(one)

    def skip(self, kind: str, rows: int) -> None:
        """Skip the data of `rows` values."""
        name, inner = split_type(kind)
        if name == "String":
            for _ in range(rows):
                self.skip_text()
        elif name == "FixedString":
            self.at += int(inner[0]) * rows
        elif name == "Nullable":
            self.at += rows
            self.skip(inner[0], rows)
        elif name in {"Array", "Map", "Nested"}:
            self._skip_lists(inner, rows)
        elif name == "Tuple":
            for one in inner:
                self.skip(one, rows)
        elif name == "LowCardinality":
            self._skip_dictionary(inner[0], rows)
        elif name == "SimpleAggregateFunction":
            self.skip(inner[1], rows)
        else:
            self.at += _width(name, inner, kind) * rows

    def _skip_lists(self, inner: list[str], rows: int) -> None:
        if not rows:
            return
        self.at += 8 * (rows - 1)
        elements = self.fixed()
        for one in inner:
            self.skip(one, elements)

    def _skip_dictionary(self, kind: str, rows: int) -> None:
        if not rows:
            return
        index_width = 1 << (self.fixed() & 0xFF)
        name, inner = split_type(kind)
        self.skip(inner[0] if name == "Nullable" else kind, self.fixed())
        indexes = self.fixed()
        self.at += index_width * indexes


def _width(name: str, inner: list[str], kind: str) -> int:
    if name == "Decimal":
        return next(width for digits, width in _DECIMALS if int(inner[0]) <= digits)
    if name.startswith("Interval"):
        return 8
    if name not in _WIDTHS:
        raise Refusal(
            NOT_IMPLEMENTED,
            f"cannot write a column of type {kind[:80]} in Native for this client; "
            "use toString(…) or toJSONString(…) on it",
        )
    return _WIDTHS[name]


def split_type(kind: str) -> tuple[str, list[str]]:
    """Return the name of a type and its arguments; the names of a Tuple's fields are left out."""
    match = _TYPE.fullmatch(kind.strip())
    if match is None:
        raise Refusal(NOT_IMPLEMENTED, f"cannot read the type {kind[:80]!r}")
    name, text = match[1], match[2] or ""
    parts, depth = [""], 0
    for piece in _PIECE.findall(text):
        depth += (piece == "(") - (piece == ")")
        if piece == "," and not depth:
            parts.append("")
        else:
            parts[-1] += piece
    inner = [part.strip() for part in parts if part.strip()]
    if name in {"Tuple", "Nested"}:
        inner = [_FIELD_NAME.sub("", part, count=1) if _named(part) else part for part in inner]
    return name, inner


def _named(part: str) -> bool:
    return _FIELD_NAME.match(part) is not None
