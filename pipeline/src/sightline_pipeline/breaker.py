"""Circuit breakers: one per dependency, shared by everything in the process that uses it.

closed ──failures in a row──▶ open ──pause over──▶ half open ──the trial succeeds──▶ closed
half open ──the trial fails──▶ open, for longer
"""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

FAILURES_TO_OPEN = 3
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0


def pause_seconds(failures: int, chance: Callable[[], float] = random.random) -> float:
    """Return how long to wait after `failures` in a row: exponential, capped, with jitter."""
    ceiling = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 16))
    return ceiling * (0.5 + chance() / 2)


class State(StrEnum):
    """What a breaker lets through: all, nothing, or one trial."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Keeps callers away from a dependency that fails.

    Attributes:
        reason: the last failure in words; empty when closed.
        opened: how often it opened, since the start.
    """

    def __init__(
        self,
        name: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Begin closed; `clock` gives seconds, `chance` numbers below 1 for the jitter."""
        self.name = name
        self.reason = ""
        self.opened = 0
        self._clock = clock
        self._chance = chance
        self._failures = 0
        self._open_until: float | None = None
        self._trial_running = False
        self._changed = asyncio.Event()

    @property
    def state(self) -> State:
        """What it lets through now."""
        if self._open_until is None:
            return State.CLOSED
        return State.HALF_OPEN if self._trial_running else State.OPEN

    @asynccontextmanager
    async def permit(self) -> AsyncIterator[None]:
        """Wait until a call may be made, and make it inside; report how it went there.

        Leaving without a report (an error that says nothing about the dependency, a cancelled
        task) ends a trial as if it had not been made.
        """
        trial = await self._wait()
        try:
            yield
        finally:
            if trial and self._trial_running:
                self._trial_running = False
                self._wake()

    def succeeded(self) -> None:
        """Report that the dependency answered; closes the breaker."""
        self._failures = 0
        self.reason = ""
        if self._open_until is not None:
            self._open_until = None
            self._trial_running = False
            self._wake()

    def failed(self, reason: object, *, at_once: bool = False) -> None:
        """Report that the dependency is out of reach; `at_once`: waiting alone will not help."""
        self._failures += 1
        self.reason = str(reason)
        if self._open_until is None:
            if self._failures < FAILURES_TO_OPEN and not at_once:
                return
            self.opened += 1
        elif not self._trial_running:
            return  # begun before it opened: says nothing new
        self._trial_running = False
        self._open_until = self._clock() + pause_seconds(self._failures, self._chance)
        self._wake()

    async def _wait(self) -> bool:
        """Return when a call may be made, and whether it is the trial."""
        while self._open_until is not None:
            left = self._open_until - self._clock()
            if left <= 0 and not self._trial_running:
                self._trial_running = True
                return True
            changed = self._changed
            try:
                async with asyncio.timeout(None if self._trial_running else left):
                    await changed.wait()
            except TimeoutError:
                continue
        return False

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
