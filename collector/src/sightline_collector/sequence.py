"""The numbers that a collector gives its messages, and what became of each."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Interval(NamedTuple):
    """Consecutive numbers, both ends included."""

    first: int
    last: int


class Sequence:
    """Numbers from 1; one that is given back is used again, so that none stays missing.

    A number whose message may have been written (the bus was out of reach) is never used again.
    """

    def __init__(self) -> None:
        """Start at 1."""
        self._next = 1
        self._returned: list[int] = []
        self._sending: set[int] = set()
        self._void: list[int] = []

    @property
    def settled(self) -> int:
        """The number up to which the fate of every message is known."""
        return min(self._sending, default=self._next) - 1

    def take(self) -> int:
        """Return the number of the next message."""
        number = heapq.heappop(self._returned) if self._returned else self._next
        if number == self._next:
            self._next += 1
        self._sending.add(number)
        return number

    def sent(self, number: int) -> None:
        """The message is durably on the bus."""
        self._sending.discard(number)

    def give_back(self, number: int) -> None:
        """The message was certainly not written: the next one takes its number."""
        self._sending.discard(number)
        heapq.heappush(self._returned, number)

    def doubt(self, number: int) -> None:
        """Nobody knows whether it was written; its sender was told that it was not."""
        self._sending.discard(number)
        self._void.append(number)

    def voids(self) -> list[Interval]:
        """Return the numbers under which nothing was acknowledged, since the last call.

        Those given back and not used again are among them; they are never used again.
        """
        numbers = sorted({*self._void, *self._returned})
        self._void, self._returned = [], []
        return list(intervals(numbers))

    def undo_voids(self, unsaid: Iterable[Interval]) -> None:
        """Return them again with the next call of `voids`: nobody was told."""
        for first, last in unsaid:
            self._void.extend(range(first, last + 1))


def intervals(numbers: Iterable[int]) -> Iterable[Interval]:
    """Return ascending numbers as the longest intervals they form."""
    first = last = None
    for number in numbers:
        if first is None or last is None:
            first = number
        elif number != last + 1:
            yield Interval(first, last)
            first = number
        last = number
    if first is not None and last is not None:
        yield Interval(first, last)
