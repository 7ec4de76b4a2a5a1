"""Bounds what waits to be written."""

from __future__ import annotations

import asyncio
from collections import deque


class ByteQueue:
    """Lets senders in, first come first served, while the bytes inside stay within a limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._inside = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def enter(self, size: int) -> None:
        """Wait for room for `size` bytes, which must not exceed the limit."""
        if not self._waiting and self._inside + size <= self._limit:
            self._inside += size
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size, future))
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.leave(size)  # was let in and cancelled at the same moment
            else:
                self._let_in()
            raise

    def leave(self, size: int) -> None:
        """Give bytes back."""
        self._inside -= size
        self._let_in()

    def open_wide(self) -> None:
        """Let everybody in: they will find the bus closed."""
        self._limit += sum(size for size, _ in self._waiting)
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting:
            size, future = self._waiting[0]
            if not future.done():
                if self._inside + size > self._limit:
                    return
                self._inside += size
                future.set_result(None)
            self._waiting.popleft()
