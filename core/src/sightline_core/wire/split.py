"""Cut an oversized OTLP request into several, by records, without decoding them.

Each level of a request is parsed as a shell: its children are byte strings, the rest (resource,
scope, schema URL, fields we do not know) is repeated in front of every part.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from google.protobuf import message_factory
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from sightline_core.errors import SightlineError
from sightline_core.wire.envelope import varint
from sightline_core.wire.names import Signal
from sightline_core.wire.schema import lenient_request, shell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_ENTRIES: Final = 1 << 22
"""Resources, scopes, metrics or records on one level of one request.

A real record takes 16 bytes and more. Without a bound, 64 MiB of empty ones would cost gigabytes.
"""
MAX_RECORDS: Final = 50_000
"""Records in one bus message.

An empty record is two bytes, but costs who inserts it some 3.3 KB of memory: without a bound, one
message of 8 MiB would take 13 GB. This many take 165 MB. Exporters send up to some thousands.
"""
SERVICE_LENGTH: Final = 200
"""Characters of a service name that a count of rejected records keeps."""
_SHARED_PART: Final = 4
"""What all parts must repeat may take 1/4 of the limit, so that parts cannot multiply a request."""

_Level = tuple[int, ...]
"""Field numbers under which a message may keep its children; one of them is used."""

_TO_RECORDS: Final[tuple[_Level, ...]] = ((1,), (2,), (2,))  # request, resource, scope
_TO_POINTS: Final[tuple[_Level, ...]] = (*_TO_RECORDS, (5, 7, 9, 10, 11), (1,))  # metric, its data


class MalformedTelemetry(SightlineError):  # noqa: N818 - says what was found
    """The bytes are no OTLP request."""


class TooManyRecords(SightlineError):  # noqa: N818
    """More entries in one request than `MAX_ENTRIES`."""


@dataclass(slots=True)
class Splitter:
    """Splits requests of one signal into parts of at most `limit` bytes and `records` records.

    Attributes:
        rejected: records met so far that are larger than the limit by themselves, or that come
            under a resource or scope so large that it cannot be repeated.
        rejected_of: the same by `service.name`, '' for those without one.
    """

    signal: Signal
    limit: int
    records: int = MAX_RECORDS
    rejected: int = field(default=0, init=False)
    rejected_of: Counter[str] = field(default_factory=Counter, init=False)
    _named: tuple[bytes, str] = field(default=(b"", ""), init=False)

    def split(self, request: bytes) -> Iterator[bytes]:
        """Return the parts, in order; together they hold every record but the rejected ones.

        Raises:
            MalformedTelemetry: not protobuf.
            TooManyRecords: too many entries to take apart.
        """
        levels = _TO_POINTS if self.signal is Signal.METRICS else _TO_RECORDS
        return self._parts(request, levels, self.limit)

    def _reject(self, records: int, resource: bytes) -> None:
        self.rejected += records
        if resource is not self._named[0]:
            self._named = resource, _service(resource)
        self.rejected_of[self._named[1]] += records

    def _parts(
        self, message: bytes, levels: Sequence[_Level], limit: int, resource: bytes = b""
    ) -> Iterator[bytes]:
        if len(message) <= limit and _count(message, levels) <= self.records:
            yield message
            return
        if not levels:
            self._reject(1, resource)
            return
        number, rest, children = _open(levels[0], message)
        if len(message) > limit and len(rest) > limit // _SHARED_PART:
            for child in children:
                self._reject(_count(child, levels[1:]), resource or child)
            return
        room = limit - len(rest)
        tag = varint(number << 3 | 2)
        below = levels[1:]
        group: list[bytes] = []
        used = held = 0
        for child in children:
            entry = tag + varint(len(child)) + child
            records = _count(child, below) if len(entry) <= room else self.records + 1
            if group and (used + len(entry) > room or held + records > self.records):
                yield rest + b"".join(group)
                group, used, held = [], 0, 0
            if records <= self.records:
                group.append(entry)
                used += len(entry)
                held += records
            else:
                inner = room - (len(entry) - len(child))
                for part in self._parts(child, below, inner, resource or child):
                    yield rest + _entry(number, part)
        if group:
            yield rest + b"".join(group)


def _open(level: _Level, message: bytes) -> tuple[int, bytes, Sequence[bytes]]:
    """Return the field number of the children, everything else in the message, the children."""
    number, parsed = _parse(level, message)
    taken = list(parsed.children)
    parsed.ClearField("children")
    return number, parsed.SerializeToString(), taken


def _count(message: bytes, levels: Sequence[_Level]) -> int:
    """Return the number of records, without a step per record."""
    if not levels:
        return 1
    children = _parse(levels[0], message)[1].children
    if len(levels) == 1:
        return len(children)
    return sum(_count(child, levels[1:]) for child in children)


def _parse(level: _Level, message: bytes) -> tuple[int, Any]:
    """Return the field number of the children and the message as a shell around them."""
    try:
        found = [(number, shell(number).FromString(message)) for number in level]
        used = [(number, parsed) for number, parsed in found if parsed.children]
        if len(used) > 1:  # only the last on the wire is valid, and only it is counted
            return _parse(level, _metric().FromString(message).SerializeToString())
    except DecodeError as error:
        raise MalformedTelemetry(f"cannot read the request: {error}") from error
    number, parsed = used[0] if used else found[0]
    if len(parsed.children) > MAX_ENTRIES:
        raise TooManyRecords(
            f"cannot split the request: {len(parsed.children)} entries on one level, "
            f"the limit is {MAX_ENTRIES}"
        )
    return number, parsed


def _service(resource: bytes) -> str:
    """Return the `service.name` of a resource, given with its records; '' when it has none."""
    attributes = [
        attribute
        for inner in shell(1).FromString(resource).children
        for attribute in shell(1).FromString(inner).children
    ]
    for attribute in attributes:
        try:
            parsed = KeyValue.FromString(attribute)
        except DecodeError:
            continue
        if parsed.key == "service.name":
            return parsed.value.string_value[:SERVICE_LENGTH]
    return ""


@cache
def _metric() -> type[Any]:
    pool = lenient_request(Signal.METRICS).DESCRIPTOR.file.pool
    return message_factory.GetMessageClass(
        pool.FindMessageTypeByName("opentelemetry.proto.metrics.v1.Metric")
    )


def _entry(number: int, child: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(child)) + child
