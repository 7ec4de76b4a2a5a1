"""What the API says about dead letters."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel

from sightline_core.dead_letters.command import State
from sightline_query_api.completeness import Completeness
from sightline_query_api.times import rfc3339

MILLISECOND: Final = 1_000_000


class DeadLetter(BaseModel):
    """A message that could not be processed, as the index knows it; texts have secrets masked.

    `topic`, `partition` and `offset` are where it stood, `dlq_topic` and so on where its bytes are.
    `attempts` counts tries of the step that gave up, `redrives` how often people sent it again.
    """

    id: str
    kind: Literal["telemetry", "application"]
    state: State
    state_time: str | None
    topic: str
    partition: int
    offset: int
    timestamp: str
    dlq_topic: str
    dlq_partition: int
    dlq_offset: int
    first_seen: str
    last_seen: str
    signal: str
    tenant: str
    origin: str
    seq: int
    records: int
    services: list[str]
    trace_ids: list[str]
    correlation_ids: list[str]
    reason: str
    message: str
    exception: str
    stage: str
    component_version: str
    attempts: int
    redrives: int
    fingerprint: str
    pattern: str
    size: int
    preview: str


class DeadLetters(BaseModel):
    """Dead letters, those given up last first."""

    items: list[DeadLetter]
    next_cursor: str | None
    completeness: Completeness


class DeadLetterGroup(BaseModel):
    """Letters with one error: same topic, reason, exception and normalised message.

    `per_minute` is over the last ten minutes; `bytes` and `records` (as declared) are sums.
    """

    fingerprint: str
    topic: str
    dlq_topic: str
    kind: Literal["telemetry", "application"]
    signal: str
    reason: str
    exception: str
    pattern: str
    stages: list[str]
    letters: int
    dead: int
    parked: int
    redriven: int
    discarded: int
    per_minute: float
    bytes: int
    records: int
    oldest: str
    newest: str
    oldest_age_seconds: float
    services: list[str]
    sample_id: str
    sample_message: str
    sample_preview: str
    sample_trace_id: str


class DeadLetterGroups(BaseModel):
    """Errors, those seen last first; `topics` are the dead-letter topics that are watched."""

    items: list[DeadLetterGroup]
    next_cursor: str | None
    topics: dict[str, str]
    completeness: Completeness


class Header(BaseModel):
    """A header of the message; `binary` values are shown as hex."""

    name: str
    value: str
    binary: bool


class DecodeBreak(BaseModel):
    """A place that cannot be read: bytes from the start, the field, and what is wrong."""

    offset: int
    path: str
    reason: str


class DecodedValue(BaseModel):
    """The value, as far as it can be read; `tree` is null for text and binary.

    `text` is the value as text where it is not telemetry, cut to 64 KiB. Secrets are masked unless
    the request said `reveal`.
    """

    format: Literal["otlp", "json", "text", "binary"]
    tree: Any
    text: str | None
    breaks: list[DecodeBreak]
    cut: bool


class RawValue(BaseModel):
    """Bytes of the value from `offset` on, as hex; `base64` is all of it, if it is not large."""

    offset: int
    hex: str
    base64: str | None


class DeadLetterEvent(BaseModel):
    """Something that became of a letter."""

    state: State
    time: str
    actor: str
    reason: str
    redrive_id: str
    redrives: int


class DeadLetterDetail(BaseModel):
    """A letter with what is inside; without `value` when the bus does not hold its bytes any more.

    `raw` is there when the request said `reveal`.
    """

    letter: DeadLetter
    key: str | None
    headers: list[Header]
    value: DecodedValue | None
    raw: RawValue | None
    events: list[DeadLetterEvent]
    missing: str
    completeness: Completeness


class Redrive(BaseModel):
    """A redrive or a discard that somebody asked for: the audit record, with its progress.

    `actor` is who they said they are, `address` where the request came from, `request` what was
    asked: selection, fix, rate and reason. `waiting` stands before the others or has no worker.
    """

    id: str
    action: Literal["redrive", "discard"]
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    created: str
    updated: str
    actor: str
    address: str
    request: dict[str, Any]
    total: int | None
    done: int
    failed: int
    problems: list[str]


class Redrives(BaseModel):
    """What was asked for, the last first."""

    items: list[Redrive]
    next_cursor: str | None
    completeness: Completeness


class Trial(BaseModel):
    """What would become of one letter; `problem` says why it cannot be sent, if so."""

    id: str
    problem: str
    size_before: int
    size_after: int | None
    records: int | None
    after: Any


class DryRun(BaseModel):
    """What a redrive would do; nothing was changed.

    Attributes:
        letters, bytes: selected.
        topics: letters by the topic that they would be sent to.
        trials: the first of them with the fix applied; `after` has secrets masked.
        seconds: how long it takes at least, at the asked rate.
    """

    dry_run: Literal[True] = True
    letters: int
    bytes: int
    topics: dict[str, int]
    trials: list[Trial]
    seconds: float


def dead_letter(row: dict[str, Any]) -> DeadLetter:
    """Return a row of sql/dead_letters as the API has it."""
    times = {
        "state_time": rfc3339(row["state_time"]) if row["state_time"] else None,
        "timestamp": rfc3339(row["timestamp"] * MILLISECOND),
        "last_seen": rfc3339(row["last_seen"] * MILLISECOND),
        "first_seen": rfc3339(row["first_seen"]),
    }
    return DeadLetter(**row | times)
