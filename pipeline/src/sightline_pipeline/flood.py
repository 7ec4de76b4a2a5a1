"""Notices when a partition carries mostly invalid messages.

Single poison messages go to the dead letters and the flow goes on. When nearly everything is
invalid, the fault is elsewhere, a bad release of a producer or of the pipeline, and draining the
topic into the dead letters would make it worse: the partition waits for a person.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

    from sightline_core.settings import Settings


@dataclass(frozen=True, slots=True)
class FloodLimits:
    """When invalid messages are a flood.

    Attributes:
        in_a_row: so many without a valid one between them; 0: never.
        share: more than this part of the messages of the window, if they are `in_a_row` or more.
        window_seconds: how far back the share looks.
    """

    in_a_row: int
    share: float
    window_seconds: float

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Return the configured limits."""
        return cls(settings.flood_in_a_row, settings.flood_share, settings.flood_window_seconds)


class FloodGuard:
    """Counts the valid and invalid messages of one partition."""

    def __init__(self, limits: FloodLimits, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with nothing counted."""
        self._limits = limits
        self._clock = clock
        self._in_a_row = 0
        self._seen: deque[tuple[float, int, int]] = deque()
        self._valid = self._invalid = 0

    def stored(self, messages: int) -> None:
        """Count valid messages."""
        self._in_a_row = 0
        self._count(messages, 0)

    def dead_lettered(self) -> None:
        """Count one invalid message."""
        self._in_a_row += 1
        self._count(0, 1)

    def verdict(self) -> str:
        """Return why this is a flood, in words; empty when it is none."""
        limits = self._limits
        if not limits.in_a_row:
            return ""
        self._forget()
        if self._in_a_row >= limits.in_a_row:
            return f"{self._in_a_row} invalid messages in a row"
        total = self._valid + self._invalid
        if self._invalid >= limits.in_a_row and self._invalid > limits.share * total:
            return (
                f"{self._invalid} of {total} messages invalid "
                f"within {limits.window_seconds:g} seconds"
            )
        return ""

    def reset(self) -> None:
        """Begin anew."""
        self._in_a_row = self._valid = self._invalid = 0
        self._seen.clear()

    def _count(self, valid: int, invalid: int) -> None:
        now = self._clock()
        # One entry a second at most, so that the window costs the same under any load.
        if self._seen and now - self._seen[-1][0] < 1:
            since, before_valid, before_invalid = self._seen.pop()
            self._seen.append((since, before_valid + valid, before_invalid + invalid))
        else:
            self._seen.append((now, valid, invalid))
        self._valid += valid
        self._invalid += invalid
        self._forget()

    def _forget(self) -> None:
        oldest = self._clock() - self._limits.window_seconds
        while self._seen and self._seen[0][0] < oldest:
            _, valid, invalid = self._seen.popleft()
            self._valid -= valid
            self._invalid -= invalid
