"""The start of a process: waiting for what is not there yet instead of dying over it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from typing import TYPE_CHECKING, Final, TypeVar

from sightline_core.errors import BusUnavailable, StoreDenied, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

Opened = TypeVar("Opened")
AGAIN_SECONDS: Final = 0.5
REMIND_SECONDS: Final = 30.0


class ToldToStop(Exception):  # noqa: N818 - not an error
    """SIGINT or SIGTERM came while the process was waiting."""


class Startup:
    """Waits for bus and store until they answer or the process is told to stop.

    Attributes:
        told: set by SIGINT and SIGTERM.
        waiting_for: what is not there, in sentences; for `/readyz`.
    """

    def __init__(self) -> None:
        """Listen to the signals; needs a running event loop."""
        self.told = asyncio.Event()
        self.waiting_for: tuple[str, ...] = ("it is starting",)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self.told.set)

    async def reach(
        self,
        what: str,
        attempt: Callable[[], Awaitable[Opened]],
        *,
        also: tuple[type[Exception], ...] = (),
    ) -> Opened:
        """Repeat `attempt` until `what` is there, and return what it returns.

        Args:
            what: "the store", for people.
            attempt: raises `BusUnavailable` or `StoreUnavailable` while there is nobody.
            also: further errors that waiting may mend.

        Raises:
            ToldToStop: a signal came first.
            SightlineError: waiting does not help, such as a wrong password of the store.
        """
        passing: tuple[type[Exception], ...] = (BusUnavailable, StoreUnavailable, *also)
        reminded = -REMIND_SECONDS
        while not self.told.is_set():
            try:
                return await attempt()
            except StoreDenied:
                raise
            except passing as error:
                self.waiting_for = (f"waiting for {what}: {error}",)
                if time.monotonic() - reminded >= REMIND_SECONDS:
                    log.warning("waiting for %s: %s", what, error)
                    reminded = time.monotonic()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.told.wait(), AGAIN_SECONDS)
        raise ToldToStop

    def done(self) -> None:
        """Nothing is waited for any more."""
        self.waiting_for = ()
