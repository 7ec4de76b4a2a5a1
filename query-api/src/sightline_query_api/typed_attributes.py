"""Attributes with their types, from the store's texts and type letters.

The store keeps every value as text, and one letter per value that names the member of OTLP's
`AnyValue` it came from: s string, i int, b bool, d double, a array, k key-value list, x bytes,
n unset. In JSON, integers beyond 2^53 are strings (as in OTLP's own JSON), and so are bytes
(base64) and doubles that are not finite.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValueList

if TYPE_CHECKING:
    from collections.abc import Sequence

SAFE_INTEGER: Final = 1 << 53
_ARRAY, _KVLIST = "@otlp.array", "@otlp.kvlist"


def typed(keys: Sequence[str], values: Sequence[str], letters: str) -> dict[str, Any]:
    """Return the attributes as JSON values; of a repeated key, the first counts."""
    if len(letters) != len(keys):  # written by something else than our pipeline
        letters = "s" * len(keys)
    attributes: dict[str, Any] = {}
    for key, value, letter in zip(keys, values, letters, strict=True):
        if key not in attributes:
            attributes[key] = value if letter == "s" else typed_value(value, letter)
    return attributes


def typed_value(text: str, letter: str) -> Any:  # noqa: PLR0911 - one case each
    """Return one value as JSON has it; the text itself if it is not what the letter says."""
    try:
        match letter:
            case "i":
                return _integer(text)
            case "b":
                return text == "true"
            case "d":
                return _double(float(text))
            case "a" | "k":
                value = json.loads(text, parse_int=_integer, parse_constant=str)
                return _unrolled(value) if "@otlp." in text else value
            case "n":
                return None
    except (ValueError, RecursionError):
        return text
    return text


def body_text(text: str, letter: str) -> str:
    """Return a body as people read it: structured ones as JSON, all the way down."""
    if letter not in ("a", "k") or "@otlp." not in text:
        return text
    try:
        return json.dumps(_unrolled(json.loads(text)), ensure_ascii=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        return text


def _integer(text: str) -> int | str:
    number = int(text)
    return number if -SAFE_INTEGER <= number <= SAFE_INTEGER else text


def _double(number: float) -> float | str:
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _unrolled(value: Any) -> Any:
    """Replace what the store left encoded, below the depth that SQL unrolls."""
    if isinstance(value, list):
        return [_unrolled(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and (decoded := _decoded(*next(iter(value.items())))) is not None:
        return decoded
    return {key: _unrolled(item) for key, item in value.items()}


def _decoded(key: str, encoded: Any) -> Any:
    if key not in {_ARRAY, _KVLIST} or not isinstance(encoded, str):
        return None
    try:
        content = base64.b64decode(encoded, validate=True)
        if key == _ARRAY:
            return [_plain(item) for item in ArrayValue.FromString(content).values]
        return {pair.key: _plain(pair.value) for pair in KeyValueList.FromString(content).values}
    except (binascii.Error, DecodeError):
        return None  # a sender's own value that looks like ours


def _plain(value: AnyValue) -> Any:  # noqa: PLR0911 - one case each
    """Return a protobuf value as JSON; its depth is bounded by the protobuf parser (100)."""
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "int_value":
            return _integer(str(value.int_value))
        case "double_value":
            return _double(value.double_value)
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case "array_value":
            return [_plain(item) for item in value.array_value.values]
        case "kvlist_value":
            return {pair.key: _plain(pair.value) for pair in value.kvlist_value.values}
    return None
