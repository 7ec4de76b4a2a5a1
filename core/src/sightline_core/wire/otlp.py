"""Take an OTLP request as it came: validate it, count its records, make it fit the bus."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from google.protobuf.message import DecodeError

from sightline_core.wire.otlp_json import to_protobuf
from sightline_core.wire.repair import repair
from sightline_core.wire.schema import count, schema
from sightline_core.wire.split import MAX_RECORDS, Splitter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sightline_core.wire.names import Signal

REPAIRED: Final = "invalid UTF-8 in strings was replaced with U+FFFD"


class Payload(NamedTuple):
    """A request that fits one bus message, and how many records it holds (at least one)."""

    data: bytes
    records: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a request.

    Attributes:
        payloads: what to send on; none for a request without records. A request that is valid and
            within both limits is here as the same bytes object.
        rejected: records that are in no payload.
        rejected_of: the same by service.
        message: what the sender should know; empty when all is well.
    """

    payloads: tuple[Payload, ...]
    rejected: int = 0
    message: str = ""
    rejected_of: Mapping[str, int] = field(default_factory=dict)

    @property
    def records(self) -> int:
        """Records in all payloads."""
        return sum(payload.records for payload in self.payloads)


def accept(signal: Signal, request: bytes, *, limit: int) -> Accepted:
    """Validate `request` and cut it into payloads of at most `limit` bytes and 50,000 records.

    Raises:
        MalformedTelemetry: not an OTLP request of that signal, or nested too deeply (upb reads
            100 levels).
        TooManyRecords: beyond these limits, with more entries than can be taken apart.
    """
    splitter = Splitter(signal, limit)
    parts = (request,) if len(request) <= limit else splitter.split(request)
    payloads: list[Payload] = []
    message = ""
    for part in parts:
        records = _count(signal, part)
        if records is None:
            message = REPAIRED
            # U+FFFD takes three bytes, so a part may outgrow the limit.
            payloads.extend(_cut(splitter, repair(signal, part)))
        elif records > MAX_RECORDS:
            payloads.extend(_cut(splitter, part))
        elif records:
            payloads.append(Payload(part, records))
    if splitter.rejected:
        too_large = f"{splitter.rejected} {signal.record}s larger than {limit} bytes were rejected"
        message = f"{too_large}; {message}" if message else too_large
    return Accepted(tuple(payloads), splitter.rejected, message, splitter.rejected_of)


def accept_json(signal: Signal, request: bytes, *, limit: int) -> Accepted:
    """Do the same with an OTLP/JSON request.

    Raises:
        MalformedTelemetry, TooManyRecords: as `accept` does.
    """
    translated = to_protobuf(signal, request)
    accepted = accept(signal, translated.data, limit=limit)
    if not translated.repaired:
        return accepted
    message = f"{accepted.message}; {REPAIRED}" if accepted.message else REPAIRED
    return replace(accepted, message=message)


def _count(signal: Signal, request: bytes) -> int | None:
    """Return the number of records, or None when the strict parser refuses the bytes."""
    try:
        return count(signal, schema(signal).request.FromString(request))
    except DecodeError:
        return None


def _cut(splitter: Splitter, request: bytes) -> Iterator[Payload]:
    for piece in splitter.split(request):
        records = count(splitter.signal, schema(splitter.signal).request.FromString(piece))
        if records:
            yield Payload(piece, records)
