"""A wake-up for any number of waiting tasks of one event loop."""

from __future__ import annotations

import asyncio


class Pulse:
    """Take `next_beat` before looking at the state, then wait for it: no change is missed."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def beat(self) -> None:
        """Wake everybody who waits."""
        self._event.set()
        self._event = asyncio.Event()

    def next_beat(self) -> asyncio.Event:
        """Return what the next `beat` sets."""
        return self._event
