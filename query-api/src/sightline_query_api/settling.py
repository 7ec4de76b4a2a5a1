"""What is on its way, and up to when it is decided what arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import Depends

from sightline_core.wire.names import Signal
from sightline_query_api.backend import Serving
from sightline_query_api.books import Settled
from sightline_query_api.times import SECOND

if TYPE_CHECKING:
    from sightline_query_api.backend import Backend


async def in_flight(backend: Backend) -> dict[Signal, int]:
    """Return the messages on the bus that are not stored, by signal."""
    return {signal: (await backend.progress.of(signal)).in_flight_messages for signal in Signal}


async def settled(backend: Backend) -> Settled:
    """Return up to when it is decided what arrived.

    That needs the signal itself, the metrics (in which collectors report) and the index of dead
    letters; plus the time that a message may take from its number to the bus.
    """
    patience = int(backend.settings.ledger_settle_seconds * SECOND)
    marks = {signal: (await backend.progress.of(signal)).books_watermark for signal in Signal}
    metrics = marks[Signal.METRICS]
    return Settled(
        {signal: max(0, min(mark, metrics) - patience) for signal, mark in marks.items()}
    )


async def _in_flight(backend: Serving) -> dict[Signal, int]:
    return await in_flight(backend)


async def _settled(backend: Serving) -> Settled:
    return await settled(backend)


InFlight = Annotated[dict[Signal, int], Depends(_in_flight)]
AsSettled = Annotated[Settled, Depends(_settled)]
