"""Mending a dead letter before it is sent again: by steps that say what to change, or by hand."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple

from google.protobuf.message import DecodeError
from pydantic import BaseModel, ConfigDict, Field

from sightline_core.dead_letters.content import items, read_content, resources
from sightline_core.errors import SightlineError
from sightline_core.wire.names import Signal
from sightline_core.wire.otlp_json import to_protobuf
from sightline_core.wire.repair import repair
from sightline_core.wire.schema import count, schema
from sightline_core.wire.split import MalformedTelemetry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sightline_core.dead_letters.letter import Letter, Source

MAX_FIELDS: Final = 2_000_000
"""Values of one message that steps work on; a message of the largest size holds fewer."""
_TIMES: Final = ("startTimeUnixNano", "endTimeUnixNano", "timeUnixNano", "observedTimeUnixNano")
_DATA: Final = ("gauge", "sum", "histogram", "exponentialHistogram", "summary")

Name = Annotated[str, Field(min_length=1, max_length=512)]
Scalar = str | bool | int | float | None


class CannotFix(SightlineError):  # noqa: N818 - says what was found
    """The fix does not fit the letter; nothing was sent."""


class _Step(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SetAttribute(_Step):
    """Give every resource or record an attribute, in place of one of that name."""

    op: Literal["set"]
    attribute: Name
    value: Scalar
    scope: Literal["resource", "record"] = "record"


class ReplaceAttribute(_Step):
    """Change an attribute where there is one, or only where it has the value `old`."""

    op: Literal["replace"]
    attribute: Name
    value: Scalar
    old: Scalar = None
    scope: Literal["resource", "record"] = "record"


class DropAttribute(_Step):
    """Remove an attribute."""

    op: Literal["drop"]
    attribute: Name
    scope: Literal["resource", "record"] = "record"


class ClampTime(_Step):
    """Move times into the window around the arrival that the store accepts."""

    op: Literal["clamp_time"]
    max_past_seconds: float = Field(86400, ge=0, le=90 * 86400)
    max_future_seconds: float = Field(0, ge=0, le=86400)


class Salvage(_Step):
    """Keep what can be read of a damaged message and give up the rest."""

    op: Literal["salvage"]


class RepairText(_Step):
    """Replace what is not UTF-8 with U+FFFD."""

    op: Literal["repair_text"]


Step = Annotated[
    SetAttribute | ReplaceAttribute | DropAttribute | ClampTime | Salvage | RepairText,
    Field(discriminator="op"),
]


class Fix(BaseModel):
    """What to do to a letter: steps in order, or a new value for a single one.

    Attributes:
        steps: see each; for an application's letters, `set`, `replace` and `drop` work on members
            of JSON objects, `a.b` being the member b of a.
        edited: the new value as JSON: OTLP/JSON for telemetry, else whatever the value was.
        base64: the new value byte by byte.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: list[Step] = Field(default_factory=list, max_length=50)
    edited: dict[str, Any] | list[Any] | None = None
    base64: str | None = None

    @property
    def replaces(self) -> bool:
        """Whether it is a new value, which fits one letter only."""
        return self.edited is not None or self.base64 is not None

    @property
    def changes(self) -> bool:
        """Whether it does anything."""
        return self.replaces or bool(self.steps)


class Fixed(NamedTuple):
    """The value to send, and how many records it holds; None where the count did not change."""

    value: bytes
    records: int | None


def apply_fix(fix: Fix, letter: Letter, value: bytes) -> Fixed:
    """Return the value to send for `letter`.

    Raises:
        CannotFix: it does not apply, or nothing would be left.
    """
    source = letter.source
    if not fix.changes:
        return Fixed(value, None)
    if fix.base64 is not None:
        value = _from_base64(fix.base64)
    elif fix.edited is not None:
        value = _encode(source, fix.edited)
    if source.signal is None:
        return Fixed(_change_json(fix, value) if fix.steps else value, None)
    if fix.steps:
        value = _change_telemetry(fix, letter, source.signal, value)
    return Fixed(value, _records(source.signal, value))


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise CannotFix(f"cannot use the new value: it is not base64: {error}") from error


def _encode(source: Source, edited: Any) -> bytes:
    text = json.dumps(edited, ensure_ascii=False).encode("utf-8", "replace")
    if source.signal is None:
        return text
    try:
        return to_protobuf(source.signal, text).data
    except MalformedTelemetry as error:
        raise CannotFix(f"cannot use the edited message: {error}") from error


def _records(signal: Signal, value: bytes) -> int:
    try:
        records = count(signal, schema(signal).request.FromString(value))
    except DecodeError as error:
        raise CannotFix(f"cannot send it like this: it is still damaged: {error}") from error
    if not records:
        raise CannotFix(f"cannot send it like this: it holds no {signal.record}s")
    return records


def _change_telemetry(fix: Fix, letter: Letter, signal: Signal, value: bytes) -> bytes:
    if any(isinstance(step, RepairText) for step in fix.steps):
        try:
            value = repair(signal, value)
        except MalformedTelemetry:
            if not any(isinstance(step, Salvage) for step in fix.steps):
                raise CannotFix(
                    "cannot repair its text: it is damaged elsewhere too; add the step salvage"
                ) from None
    content = read_content(letter.source, value, fields=MAX_FIELDS)
    if content.cut:
        raise CannotFix(f"cannot change it: it holds more than {MAX_FIELDS} values")
    if content.breaks and not any(isinstance(step, Salvage) for step in fix.steps):
        first = content.breaks[0]
        raise CannotFix(
            f"cannot change it: it breaks at byte {first.offset} ({first.reason}); "
            "add the step salvage to keep what can be read, or edit it by hand"
        )
    for step in fix.steps:
        _apply(step, letter, signal, content.tree)
    return _encode(letter.source, content.tree)


def _apply(step: _Step, letter: Letter, signal: Signal, tree: Any) -> None:
    match step:
        case SetAttribute() | ReplaceAttribute() | DropAttribute():
            for holder in _holders(step.scope, signal, tree):
                _change_attribute(step, holder)
        case ClampTime():
            low = letter.received_at - int(step.max_past_seconds * 1e9)
            high = letter.received_at + int(step.max_future_seconds * 1e9)
            for item in _timed(signal, tree):
                for name in _TIMES:
                    if (given := int(item.get(name, 0))) and not low <= given <= high:
                        item[name] = str(min(max(given, low), high))
        case _:
            return  # salvage and repair_text have done their part


def _holders(scope: str, signal: Signal, tree: Any) -> Iterator[dict[str, Any]]:
    return resources(signal, tree) if scope == "resource" else _timed(signal, tree)


def _timed(signal: Signal, tree: Any) -> Iterator[dict[str, Any]]:
    """Return what has attributes and times: spans, log records, data points."""
    for item in items(signal, tree):
        if signal is Signal.METRICS:
            for kind in _DATA:
                yield from item.get(kind, {}).get("dataPoints", ())
        else:
            yield item


def _change_attribute(
    step: SetAttribute | ReplaceAttribute | DropAttribute, holder: dict[str, Any]
) -> None:
    attributes = holder.get("attributes", [])
    own = [one for one in attributes if one.get("key") == step.attribute]
    if isinstance(step, SetAttribute):
        others = [one for one in attributes if one.get("key") != step.attribute]
        new = {"key": step.attribute, "value": _any_value(step.value)}
        holder["attributes"] = [*others, new]
    elif isinstance(step, DropAttribute):
        holder["attributes"] = [one for one in attributes if one.get("key") != step.attribute]
    else:
        for one in own:
            if step.old is None or one.get("value") == _any_value(step.old):
                one["value"] = _any_value(step.value)


def _any_value(value: Scalar) -> dict[str, Any]:
    match value:
        case None:
            return {}
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
    return {"stringValue": value}


def _change_json(fix: Fix, value: bytes) -> bytes:
    try:
        tree = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise CannotFix("cannot change it: it is not JSON; edit it by hand instead") from error
    for step in fix.steps:
        if not isinstance(step, SetAttribute | ReplaceAttribute | DropAttribute):
            raise CannotFix("cannot change it: messages of applications take set, replace and drop")
        _change_member(step, tree)
    return json.dumps(tree, ensure_ascii=False).encode("utf-8", "replace")


def _change_member(step: SetAttribute | ReplaceAttribute | DropAttribute, tree: Any) -> None:
    *path, last = step.attribute.split(".")
    for name in path:
        if not isinstance(tree, dict):
            return
        tree = tree.setdefault(name, {}) if isinstance(step, SetAttribute) else tree.get(name)
    if not isinstance(tree, dict):
        return
    if isinstance(step, SetAttribute):
        tree[last] = step.value
    elif isinstance(step, DropAttribute):
        tree.pop(last, None)
    elif last in tree and (step.old is None or tree[last] == step.old):
        tree[last] = step.value
