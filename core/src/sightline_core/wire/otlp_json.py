"""OTLP/JSON to OTLP protobuf.

The rules are those of the OTLP specification where they differ from Protobuf's JSON: ids are hex in
any case, enums are integers only, names are lowerCamelCase only, unknown fields are ignored.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import EncodeError

from sightline_core.wire.schema import schema
from sightline_core.wire.split import MalformedTelemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from google.protobuf.descriptor import Descriptor

    from sightline_core.wire.names import Signal

MAX_DEPTH: Final = 100
"""Nested messages; what the protobuf parser reads."""

_HEX_FIELDS: Final = frozenset({"trace_id", "span_id", "parent_span_id"})
_INTEGER: Final = re.compile(r"-?[0-9]{1,20}")
_TYPES = FieldDescriptor
_FLOATS: Final = frozenset({_TYPES.TYPE_DOUBLE, _TYPES.TYPE_FLOAT})


class Translated(NamedTuple):
    """A request as protobuf; `repaired` when it held characters that are no Unicode."""

    data: bytes
    repaired: bool


class _Field(NamedTuple):
    name: str
    repeated: bool
    nested: str  # full name of the message; empty for scalars
    convert: Callable[[Any], Any]


def to_protobuf(signal: Signal, body: bytes) -> Translated:
    """Translate a JSON request.

    Raises:
        MalformedTelemetry: not JSON, or not an OTLP request; names the place.
    """
    repaired = False
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text, repaired = body.decode(errors="replace"), True
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise MalformedTelemetry("cannot read the request: nested too deeply") from error
    except ValueError as error:
        raise MalformedTelemetry(f"cannot read the request: not JSON: {error}") from error
    request = schema(signal).request
    reader = _Reader(_plans(request.DESCRIPTOR), repaired=repaired)
    tree = reader.message(request.DESCRIPTOR.full_name, document, "request", 0)
    try:
        data: bytes = request(**tree).SerializeToString()
    except (ValueError, TypeError, EncodeError) as error:
        raise MalformedTelemetry(f"cannot read the request: {error}") from error
    return Translated(data, reader.repaired)


@dataclass(slots=True)
class _Reader:
    plans: Mapping[str, Mapping[str, _Field]]
    repaired: bool

    def message(self, kind: str, value: Any, path: str, depth: int) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _wrong(path, "an object", value)
        if depth > MAX_DEPTH:
            raise MalformedTelemetry("cannot read the request: nested too deeply")
        plan = self.plans[kind]
        tree: dict[str, Any] = {}
        for key, given in value.items():
            field = plan.get(key)
            if field is None or given is None:
                continue
            at = f"{path}.{key}"
            if not field.repeated:
                tree[field.name] = self._value(field, given, at, depth)
            elif isinstance(given, list):
                tree[field.name] = [
                    self._value(field, item, f"{at}[{index}]", depth)
                    for index, item in enumerate(given)
                ]
            else:
                raise _wrong(at, "an array", given)
        return tree

    def _value(self, field: _Field, given: Any, path: str, depth: int) -> Any:
        if field.nested:
            return self.message(field.nested, given, path, depth + 1)
        try:
            value = field.convert(given)
        except (ValueError, TypeError) as error:
            raise MalformedTelemetry(f"cannot read the request: {path}: {error}") from error
        if isinstance(value, str) and not value.isascii():
            return self._without_surrogates(value)
        return value

    def _without_surrogates(self, text: str) -> str:
        try:
            text.encode()
        except UnicodeEncodeError:
            self.repaired = True
            return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return text


@cache
def _plans(root: Descriptor) -> Mapping[str, Mapping[str, _Field]]:
    plans: dict[str, dict[str, _Field]] = {}
    pending = [root]
    while pending:
        message = pending.pop()
        if message.full_name in plans:
            continue
        plans[message.full_name] = {field.json_name: _plan(field) for field in message.fields}
        pending += [field.message_type for field in message.fields if field.message_type]
    return plans


def _plan(field: FieldDescriptor) -> _Field:
    nested = field.message_type.full_name if field.message_type else ""
    return _Field(field.name, field.is_repeated, nested, _converter(field))


def _converter(field: FieldDescriptor) -> Callable[[Any], Any]:
    if field.type == _TYPES.TYPE_STRING:
        return _text
    if field.type == _TYPES.TYPE_BYTES:
        return _hex if field.name in _HEX_FIELDS else _base64
    if field.type == _TYPES.TYPE_BOOL:
        return _boolean
    if field.type == _TYPES.TYPE_ENUM:
        return _enum
    return _float if field.type in _FLOATS else _integer


def _text(given: Any) -> str:
    if not isinstance(given, str):
        raise TypeError(f"expected a string, got {_shown(given)}")
    return given


def _boolean(given: Any) -> bool:
    if not isinstance(given, bool):
        raise TypeError(f"expected true or false, got {_shown(given)}")
    return given


def _enum(given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, int):
        raise TypeError(f"expected an integer enum value, got {_shown(given)}")
    return given


def _integer(given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, (int, float, str)):
        raise TypeError(f"expected an integer, got {_shown(given)}")
    if isinstance(given, float) and not given.is_integer():
        raise ValueError(f"expected an integer, got {_shown(given)}")
    if isinstance(given, str) and not _INTEGER.fullmatch(given):
        raise ValueError(f"expected an integer, got {_shown(given)}")
    return int(given)


def _float(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, (int, float, str)):
        raise TypeError(f"expected a number, got {_shown(given)}")
    if isinstance(given, str) and "_" in given:
        raise ValueError(f"expected a number, got {_shown(given)}")
    return float(given)


def _hex(given: Any) -> bytes:
    try:
        return binascii.unhexlify(_text(given))
    except binascii.Error as error:
        raise ValueError(f"expected hex, got {_shown(given)}") from error


def _base64(given: Any) -> bytes:
    text = _text(given).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError(f"expected base64, got {_shown(given)}") from error


def _refuse_constant(name: str) -> Any:
    raise ValueError(f'{name} is not JSON; write it as the string "{name}"')


def _wrong(path: str, expected: str, given: Any) -> MalformedTelemetry:
    return MalformedTelemetry(
        f"cannot read the request: {path}: expected {expected}, got {_shown(given)}"
    )


def _shown(given: Any) -> str:
    if isinstance(given, (dict, list)):
        return "an object" if isinstance(given, dict) else "an array"
    text = json.dumps(given)
    return text if len(text) <= 40 else f"{text[:40]}…"
