"""How long things take and how often they go wrong.

`demo.outcome` in the baggage of a request settles what is otherwise left to chance, on whatever
service the question comes up: `ok`, `declined`, `timeout`, `slow`.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from typing import Literal, get_args

from opentelemetry import baggage

Outcome = Literal["ok", "declined", "timeout", "slow"]

OUTCOME_ENTRY = "demo.outcome"
SLOW_EVERY = 300.0
SLOW_FOR = 45.0
"""Seconds: for the last 45 of every 300, the inventory's stock lookup is slow."""


def wanted() -> Outcome | None:
    """Return the outcome that the request asks for, None for chance."""
    value = baggage.get_baggage(OUTCOME_ENTRY)
    return next((outcome for outcome in get_args(Outcome) if outcome == value), None)


def happens(probability: float, outcome: Outcome | None = None) -> bool:
    """Decide whether something happens: if its outcome is asked for, otherwise by chance."""
    asked = wanted()
    return asked == outcome if asked else random.random() < probability


def stock_lookup_is_slow() -> bool:
    """Tell whether the inventory has one of its slow moments."""
    asked = wanted()
    if asked:
        return asked == "slow"
    return time.time() % SLOW_EVERY >= SLOW_EVERY - SLOW_FOR


async def work(median_ms: float, spread: float = 0.4) -> float:
    """Take a log-normally distributed time; return the seconds it was."""
    seconds = median_ms / 1000 * math.exp(random.gauss(0.0, spread))
    await asyncio.sleep(seconds)
    return seconds
