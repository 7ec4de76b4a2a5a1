"""What a record of a dead-letter topic says about itself, ours or that of an application.

Nothing here trusts what it reads: headers may be missing, forged, huge or no text at all.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from sightline_core.wire.envelope import DEFAULT_TENANT
from sightline_core.wire.names import (
    DLQ_ATTEMPTS,
    DLQ_EXCEPTION,
    DLQ_FIRST_SEEN,
    DLQ_MESSAGE,
    DLQ_OFFSET,
    DLQ_PARTITION,
    DLQ_REASON,
    DLQ_STAGE,
    DLQ_TIMESTAMP,
    DLQ_TOPIC,
    DLQ_VERSION,
    HEADER_ORIGIN,
    HEADER_RECEIVED_AT,
    HEADER_RECORDS,
    HEADER_SEQ,
    HEADER_TENANT,
    REDRIVE_COUNT,
    REDRIVE_FIRST_SEEN,
    REDRIVE_ID,
    REDRIVE_LETTER,
    Signal,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sightline_core.bus.protocol import Record

Headers = tuple[tuple[str, bytes], ...]

MAX_WORDS: Final = 2000
"""Characters kept of a message or a name."""
LETTER_ID: Final = re.compile(r"[0-9a-f]{32}")
_DLQ_PREFIX: Final = "sightline-dlq-"
_REDRIVE: Final = frozenset({REDRIVE_ID, REDRIVE_LETTER, REDRIVE_COUNT, REDRIVE_FIRST_SEEN})
_UINT64_MAX: Final = (1 << 64) - 1
_LATEST_MS: Final = 9_000_000_000_000

# Who writes dead letters says so in headers of its own: Spring for Apache Kafka, Kafka Connect.
_FOREIGN: Final[Mapping[str, tuple[str, ...]]] = {
    DLQ_TOPIC: ("kafka_dlt-original-topic", "__connect.errors.topic"),
    DLQ_PARTITION: ("kafka_dlt-original-partition", "__connect.errors.partition"),
    DLQ_OFFSET: ("kafka_dlt-original-offset", "__connect.errors.offset"),
    DLQ_TIMESTAMP: ("kafka_dlt-original-timestamp",),
    DLQ_EXCEPTION: (
        "kafka_dlt-exception-cause-fqcn",
        "kafka_dlt-exception-fqcn",
        "__connect.errors.exception.class.name",
    ),
    DLQ_MESSAGE: ("kafka_dlt-exception-message", "__connect.errors.exception.message"),
    DLQ_STAGE: ("__connect.errors.stage", "kafka_dlt-original-consumer-group"),
}
_TIME: Final = r"\b\d{4}-\d\d-\d\d[T ](?:\d\d:?){2,3}(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"
_PLACEHOLDERS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE), "<uuid>"),
    (re.compile(_TIME), "<time>"),
    (re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b"), "<address>"),
    (re.compile(r"\b(?:0x)?(?=[0-9a-f]*\d)[0-9a-f]{8,}\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"'[^']{1,200}'|\"[^\"]{1,200}\""), "<text>"),
    (re.compile(r"[-+]?\d+(?:\.\d+)*"), "<n>"),
    (re.compile(r"\s+"), " "),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Source:
    """A dead-letter topic.

    Attributes:
        topic: the dead-letter topic.
        target: where its messages came from and are sent again.
        signal: None for an application's.
    """

    topic: str
    target: str
    signal: Signal | None = None

    @property
    def kind(self) -> Literal["telemetry", "application"]:
        """Whose it is."""
        return "application" if self.signal is None else "telemetry"


def sources(application_topics: Mapping[str, str]) -> dict[str, Source]:
    """Return the dead-letter topics there are, by name: ours, and the applications' as set."""
    own = [Source(signal.dlq_topic, signal.topic, signal) for signal in Signal]
    theirs = [Source(topic, target) for topic, target in application_topics.items()]
    return {source.topic: source for source in (*theirs, *own)}


class Place(NamedTuple):
    """Where a message stood before it was given up; `timestamp_ms` is the bus's, unix."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter, without what is inside its value.

    Attributes:
        id: 32 hex digits; equal for every copy of one message, also after it was redriven.
        reason: machine-readable; `message` is the error in words, cut to `MAX_WORDS`.
        attempts: tries of the step that gave up.
        redrives: how often it had been sent again before it came here.
        received_at, first_seen: unix nanoseconds.
        records: what its headers declare, 0 if nothing; `seq` likewise.
        fingerprint: equal for the same error; `pattern` is the normalised message it is made of.
    """

    id: str
    source: Source
    place: Place
    tenant: str
    origin: str
    seq: int
    records: int
    received_at: int
    reason: str
    message: str
    exception: str
    stage: str
    version: str
    attempts: int
    redrives: int
    first_seen: int
    fingerprint: str
    pattern: str


def read_letter(record: Record, source: Source) -> Letter:
    """Return what the headers of a record in a dead-letter topic say; never raises."""
    original, about = split_headers(record.headers)
    given = dict(reversed(original))  # the first of a repeated name counts
    if not about:
        about = _foreign(given)
    place = _place(about, record, source)
    message, exception = _words(about.get(DLQ_MESSAGE)), _words(about.get(DLQ_EXCEPTION))[:200]
    reason = _words(about.get(DLQ_REASON))[:200] or exception.rpartition(".")[2] or "unknown"
    pattern = normalised(message)
    letter_id, redrives = _redriven(given)
    taken = place.timestamp_ms * 1_000_000
    return Letter(
        id=letter_id or _digest("letter", source.topic, *map(str, place)),
        source=source,
        place=place,
        tenant=_words(given.get(HEADER_TENANT))[:63] or DEFAULT_TENANT,
        origin=_words(given.get(HEADER_ORIGIN))[:200],
        seq=_decimal(given.get(HEADER_SEQ)) or 0,
        records=_decimal(given.get(HEADER_RECORDS)) or 0,
        received_at=_nanoseconds(given.get(HEADER_RECEIVED_AT)) or taken,
        reason=reason,
        message=message,
        exception=exception,
        stage=_words(about.get(DLQ_STAGE))[:200],
        version=_words(about.get(DLQ_VERSION))[:60],
        attempts=min(_decimal(about.get(DLQ_ATTEMPTS)) or 1, 0xFFFF),
        redrives=redrives,
        first_seen=_nanoseconds(given.get(REDRIVE_FIRST_SEEN) if redrives else None)
        or _nanoseconds(about.get(DLQ_FIRST_SEEN))
        or record.timestamp_ms * 1_000_000,
        fingerprint=_digest("error", source.topic, reason, exception, pattern)[:16],
        pattern=pattern,
    )


def split_headers(headers: Headers) -> tuple[Headers, dict[str, bytes]]:
    """Tell the headers that a message came with from those that its dead-lettering put behind.

    Only one block at the end counts: a message may itself come with headers of such names.
    """
    about: dict[str, bytes] = {}
    own = len(headers)
    while own and headers[own - 1][0].startswith(_DLQ_PREFIX) and headers[own - 1][0] not in about:
        own -= 1
        about[headers[own][0]] = headers[own][1]
    return headers[:own], about


def redriven_headers(letter: Letter, original: Headers, redrive_id: str, count: int) -> Headers:
    """Return the headers to send a letter with for the `count`th time.

    They are those it came with. An arrival time is added where there was none, so that its records
    are judged by when they came and not by when they are sent again.
    """
    kept = tuple(header for header in original if header[0] not in _REDRIVE)
    arrived: Headers = ()
    if letter.source.signal and not any(name == HEADER_RECEIVED_AT for name, _ in kept):
        arrived = ((HEADER_RECEIVED_AT, b"%d" % letter.received_at),)
    marks = {
        REDRIVE_ID: redrive_id,
        REDRIVE_LETTER: letter.id,
        REDRIVE_COUNT: str(count),
        REDRIVE_FIRST_SEEN: str(letter.first_seen),
    }
    return (*kept, *arrived, *((name, value.encode()) for name, value in marks.items()))


def normalised(message: str) -> str:
    """Return an error message with what differs between two cases of one error left out."""
    text = message[:MAX_WORDS]
    for pattern, placeholder in _PLACEHOLDERS:
        text = pattern.sub(placeholder, text)
    return text.strip()[:500]


def _redriven(given: Mapping[str, bytes]) -> tuple[str, int]:
    letter_id = _words(given.get(REDRIVE_LETTER))
    count = _decimal(given.get(REDRIVE_COUNT)) or 0
    if not LETTER_ID.fullmatch(letter_id) or not 0 < count <= 0xFFFF:
        return "", 0
    return letter_id, count


def _place(about: Mapping[str, bytes], record: Record, source: Source) -> Place:
    """Return where it stood; where it stands now if nobody said."""
    partition, offset = _decimal(about.get(DLQ_PARTITION)), _decimal(about.get(DLQ_OFFSET))
    taken = _decimal(about.get(DLQ_TIMESTAMP))
    if partition is None or offset is None or partition > 0xFFFFFFFF:
        return Place(record.topic, record.partition, record.offset, record.timestamp_ms)
    topic = _words(about.get(DLQ_TOPIC))[:249] or source.target
    known = taken is not None and taken < _LATEST_MS
    # Without it, any time that is the same for all copies will do: their bus time is not.
    return Place(topic, partition, offset, taken if known and taken is not None else 0)


def _foreign(given: Mapping[str, bytes]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for ours, names in _FOREIGN.items():
        value = next((given[name] for name in names if name in given), None)
        if value is None:
            continue
        if ours in {DLQ_PARTITION, DLQ_OFFSET, DLQ_TIMESTAMP} and len(value) in {4, 8}:
            # Spring writes big-endian integers, Connect digits; eight digits look like either.
            value = value if value.isdigit() else b"%d" % int.from_bytes(value, "big")
        found[ours] = value
    return found


def _digest(*parts: str) -> str:
    joined = "\0".join(parts).encode("utf-8", "replace")
    return hashlib.sha256(joined).hexdigest()[:32]


def _words(value: bytes | None) -> str:
    return (value or b"")[: 4 * MAX_WORDS].decode(errors="replace")[:MAX_WORDS]


def _decimal(value: bytes | None) -> int | None:
    if not value or len(value) > 20 or not value.isdigit():
        return None
    number = int(value)
    return number if number <= _UINT64_MAX else None


def _nanoseconds(value: bytes | None) -> int | None:
    number = _decimal(value)
    return number if number is not None and number < _LATEST_MS * 1_000_000 else None


def header_text(headers: Sequence[tuple[str, bytes]], name: str) -> str:
    """Return the first header of that name as text, empty if there is none."""
    return _words(next((value for key, value in headers if key == name), None))
