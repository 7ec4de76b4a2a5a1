"""How complete an answer is: every answer says up to when the data is in, and what it lacks."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Final, Literal

from fastapi import Depends, Request
from pydantic import BaseModel

from sightline_core.errors import BusError
from sightline_core.wire.names import DEAD_LETTER_GROUP, PIPELINE_GROUP, Signal
from sightline_query_api.times import SECOND, rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sightline_core.bus.protocol import Bus, Lag

TOLERANCE: Final = 5 * SECOND
"""How far the watermark may be behind the asked range before the answer is called late."""

Verdict = Literal["complete", "late", "truncated", "orphans", "sampled", "unknown"]
_FROM_BEST_TO_WORST: Final[tuple[Verdict, ...]] = (
    "complete", "late", "truncated", "orphans", "sampled", "unknown",
)  # fmt: skip


class Completeness(BaseModel):
    """What the answer has and lacks.

    Attributes:
        verdict: the worst that applies; `reasons` names all.
        watermark: everything that arrived before it is in the answer; null if unknown.
        lag_seconds: how long the oldest message that is not in the store yet has waited.
        orphans: spans whose parent is missing; only counted for traces.
        quarantined: records of the asked kind and range that were set aside, with a reason.
        dead_letters: messages of the asked kind and range that could not be stored.
        missing_messages: same, that never came although others of their origin did, or that the
            bus removed before they were read.
    """

    verdict: Verdict
    watermark: str | None
    lag_seconds: float
    in_flight_messages: int
    truncated: bool
    orphans: int
    quarantined: int
    dead_letters: int
    missing_messages: int
    reasons: list[str]


@dataclass(frozen=True, slots=True)
class Progress:
    """What of one or more signals is in the store.

    Attributes:
        watermark: unix nanoseconds; whatever the bus took before it is stored. None: unknown.
        now: when this was asked, unix nanoseconds.
        unindexed_letters: dead letters that nobody has looked at yet, of any time.
        books_watermark: unix nanoseconds; what arrived before is stored or a known dead letter.
            0: unknown.
    """

    watermark: int | None
    now: int
    in_flight_messages: int
    unindexed_letters: int = 0
    books_watermark: int = 0

    @property
    def lag_seconds(self) -> float:
        """How long the oldest pending message has waited; 0 when nothing waits."""
        if self.watermark is None or not self.in_flight_messages:
            return 0.0
        return max(0.0, (self.now - self.watermark) / SECOND)


@dataclass(frozen=True, slots=True)
class Shortcomings:
    """What else is known to lack in an answer."""

    truncated: str = ""
    orphans: int = 0
    quarantined: int = 0
    dead_letters: int = 0
    missing_messages: int = 0
    skipped_messages: int = 0
    sampled: bool = False


class ProgressReader:
    """Reads the pipeline's progress from the bus; a moment old at most."""

    def __init__(
        self, bus: Bus, *, clock: Callable[[], int] = time.time_ns, seconds: float = 0.2
    ) -> None:
        """Keep each signal's progress for `seconds`."""
        self._bus = bus
        self._clock = clock
        self._nanoseconds = int(seconds * SECOND)
        self._known: dict[Signal, Progress] = {}

    async def of(self, *signals: Signal) -> Progress:
        """Return the progress of the signals together; the slowest counts."""
        return combined(await asyncio.gather(*(self._of(signal) for signal in signals)))

    async def _of(self, signal: Signal) -> Progress:
        now = self._clock()  # before asking: what arrives meanwhile is not promised
        known = self._known.get(signal)
        if known and 0 <= now - known.now < self._nanoseconds:
            return known
        try:
            lags = await self._bus.lag(PIPELINE_GROUP, signal.topic)
            letters = await self._bus.lag(DEAD_LETTER_GROUP, signal.dlq_topic)
        except BusError:
            return Progress(None, now, 0)
        if not lags or any(lag.committed > lag.end for lag in lags):
            return Progress(None, now, 0)  # no topic yet, or another one than was read
        watermark = min([now, *_pending(lags)])
        progress = Progress(
            watermark,
            now,
            in_flight_messages=sum(lag.messages for lag in lags),
            unindexed_letters=sum(lag.messages for lag in letters),
            books_watermark=min([watermark, *_pending(letters)]),
        )
        self._known[signal] = progress
        return progress


def _pending(lags: Iterable[Lag]) -> list[int]:
    """Return when the oldest pending message of each partition came, unix nanoseconds."""
    return [lag.oldest_pending_ms * 1_000_000 for lag in lags if lag.oldest_pending_ms is not None]


def combined(parts: Iterable[Progress]) -> Progress:
    """Return the progress of answers made of several signals."""
    parts = list(parts)
    watermarks = [part.watermark for part in parts]
    known = [mark for mark in watermarks if mark is not None]
    return Progress(
        watermark=min(known) if len(known) == len(watermarks) else None,
        now=min(part.now for part in parts),
        in_flight_messages=sum(part.in_flight_messages for part in parts),
        unindexed_letters=sum(part.unindexed_letters for part in parts),
        books_watermark=min(part.books_watermark for part in parts),
    )


@dataclass
class _Findings:
    verdicts: list[Verdict] = field(default_factory=lambda: ["complete"])
    reasons: list[str] = field(default_factory=list)

    def add(self, verdict: Verdict | None, reason: str) -> None:
        if verdict:
            self.verdicts.append(verdict)
        self.reasons.append(reason)


def assess(
    progress: Progress,
    *,
    end: int,
    lacks: Shortcomings = Shortcomings(),
    tolerance: int = TOLERANCE,
) -> Completeness:
    """Return what to say about an answer on data up to `end` (unix nanoseconds)."""
    found = _Findings()
    messages = progress.in_flight_messages
    if progress.watermark is None:
        found.add("unknown", "the bus cannot tell what is still on its way")
    elif messages and progress.watermark < min(end, progress.now) - tolerance:
        found.add(
            "late",
            f"{messages} message{'s' * (messages != 1)} not in the store yet; "
            f"the oldest waits since {rfc3339(progress.watermark)}",
        )
    _add_losses(found, progress, lacks)
    if lacks.truncated:
        found.add("truncated", lacks.truncated)
    if lacks.orphans:
        found.add("orphans", f"spans whose parent is missing: {lacks.orphans}")
    if lacks.sampled:
        found.add("sampled", "senders kept a sample; counts are weighted to stand for all")
    return Completeness(
        verdict=max(found.verdicts, key=_FROM_BEST_TO_WORST.index),
        watermark=None if progress.watermark is None else rfc3339(progress.watermark),
        lag_seconds=round(progress.lag_seconds, 3),
        in_flight_messages=messages,
        truncated=bool(lacks.truncated),
        orphans=lacks.orphans,
        quarantined=lacks.quarantined,
        dead_letters=lacks.dead_letters + progress.unindexed_letters,
        missing_messages=lacks.missing_messages + lacks.skipped_messages,
        reasons=found.reasons,
    )


def _add_losses(found: _Findings, progress: Progress, lacks: Shortcomings) -> None:
    if lacks.quarantined:
        found.add(
            "truncated",
            "records in quarantine, of this time or perhaps of it, see /api/v1/quarantine: "
            f"{lacks.quarantined}",
        )
    if letters := lacks.dead_letters + progress.unindexed_letters:
        found.add(
            "truncated",
            "messages that could not be stored, of this time or perhaps of it, "
            f"see /api/v1/dead-letters: {letters}",
        )
    if lacks.missing_messages:
        found.add(
            "truncated",
            f"messages that never arrived, see /api/v1/ledger/gaps: {lacks.missing_messages}",
        )
    if lacks.skipped_messages:
        found.add(
            "truncated",
            "messages that the bus removed before they were read, some of them perhaps of this "
            f"time: {lacks.skipped_messages}",
        )


def _reader(request: Request) -> ProgressReader:
    reader: ProgressReader = request.app.state.backend.progress
    return reader


async def _traces(reader: Annotated[ProgressReader, Depends(_reader)]) -> Progress:
    return await reader.of(Signal.TRACES)


async def _logs(reader: Annotated[ProgressReader, Depends(_reader)]) -> Progress:
    return await reader.of(Signal.LOGS)


async def _traces_and_logs(reader: Annotated[ProgressReader, Depends(_reader)]) -> Progress:
    return await reader.of(Signal.TRACES, Signal.LOGS)


async def _everything(reader: Annotated[ProgressReader, Depends(_reader)]) -> Progress:
    return await reader.of(*Signal)


TracesProgress = Annotated[Progress, Depends(_traces)]
LogsProgress = Annotated[Progress, Depends(_logs)]
TracesAndLogsProgress = Annotated[Progress, Depends(_traces_and_logs)]
AnyProgress = Annotated[Progress, Depends(_everything)]
