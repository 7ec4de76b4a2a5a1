"""Leaving a group whose broker is away."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from sightline_core.bus.kafka.consumer import _stop


class Cancelled:
    """A client of aiokafka whose own task was cancelled while it stopped, as with a dead broker."""

    async def stop(self) -> None:
        raise asyncio.CancelledError


async def test_a_stop_that_ends_as_cancelled_cancels_nobody_else() -> None:
    await _stop(cast("Any", Cancelled()))
