"""From request bytes to the bus: what both protocols have in common."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from sightline_collector.refusal import Reason, Refusal
from sightline_collector.sequence import Sequence
from sightline_collector.stats import Stats
from sightline_core.bus.protocol import Message
from sightline_core.errors import BusError, BusFull, MessageTooLarge
from sightline_core.wire.envelope import headers
from sightline_core.wire.names import Signal
from sightline_core.wire.otlp import accept, accept_json
from sightline_core.wire.schema import response
from sightline_core.wire.split import MalformedTelemetry, TooManyRecords

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sightline_core.bus.protocol import Bus
    from sightline_core.settings import Settings
    from sightline_core.wire.otlp import Accepted, Payload

HEADER_ROOM: Final = 1024
"""Bytes of a bus message that its headers may take."""
SMALL: Final = 1 << 20
"""Requests up to this size are parsed at once, larger ones in a thread, one at a time.

Parsed, a request built to hurt takes tens of times its size; that must not happen in parallel.
"""


class Intake:
    """Accepts requests of all signals. Success means that every record is durably on the bus."""

    def __init__(
        self,
        bus: Bus,
        settings: Settings,
        *,
        origin: str,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """Send to `bus` as `origin`; `clock` returns unix nanoseconds."""
        self.stats = Stats()
        self.max_request_bytes = settings.max_request_bytes
        self._bus = bus
        self._tenant = settings.tenant
        self._max_inflight = settings.max_inflight_bytes
        self._origin = origin
        self._clock = clock
        self._large = asyncio.Lock()
        self._sending: set[asyncio.Task[None]] = set()
        self.sequences = {signal: Sequence() for signal in Signal}

    def hold(self, size: int) -> None:
        """Account for request bytes kept in memory, until `release`.

        Raises:
            Refusal: too many are kept already.
        """
        if self.stats.inflight_bytes + size > self._max_inflight:
            raise Refusal(
                Reason.OVERLOADED,
                f"cannot take the request now: {self.stats.inflight_bytes} request bytes are in "
                f"flight, the limit is {self._max_inflight}",
            )
        self.stats.inflight_bytes += size

    def release(self, size: int) -> None:
        """Undo `hold`."""
        self.stats.inflight_bytes -= size

    async def export(self, signal: Signal, request: bytes, *, as_json: bool = False) -> Any:
        """Store a request and return the response message of its signal.

        Raises:
            Refusal: nothing, or with a retryable reason possibly a part, was stored.
        """
        try:
            accepted = await self._accept(signal, request, as_json=as_json)
        except MalformedTelemetry as error:
            raise Refusal(Reason.MALFORMED, str(error)) from error
        except TooManyRecords as error:
            raise Refusal(Reason.TOO_LARGE, str(error)) from error
        stats = self.stats.signals[signal]
        stats.accepted += accepted.records
        await self._send(signal, accepted)
        stats.accepted += accepted.rejected
        for service, records in accepted.rejected_of.items():
            stats.rejected_by[service, "too_large"] += records
        return response(signal, rejected=accepted.rejected, message=accepted.message)

    async def finish(self, seconds: float) -> int:
        """Wait at most so long for writes under way; return how many are not done then."""
        if not self._sending:
            return 0
        _, left = await asyncio.wait(self._sending, timeout=seconds)
        return len(left)

    async def _accept(self, signal: Signal, request: bytes, *, as_json: bool) -> Accepted:
        limit = self._bus.max_message_bytes - HEADER_ROOM
        take = accept_json if as_json else accept
        if len(request) <= SMALL:
            return take(signal, request, limit=limit)
        async with self._large:
            return await asyncio.to_thread(take, signal, request, limit=limit)

    async def _send(self, signal: Signal, accepted: Accepted) -> None:
        if len(accepted.payloads) == 1:
            await self._send_one(signal, accepted.payloads[0])
            return
        results = await asyncio.gather(
            *(self._send_one(signal, payload) for payload in accepted.payloads),
            return_exceptions=True,
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _send_one(self, signal: Signal, payload: Payload) -> None:
        """Send to the end even if the caller goes away: its number and counts must come out right.

        The bytes stay accounted for until then, so that clients that go away cannot pile them up.
        """
        task = asyncio.create_task(self._write(signal, payload))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.done():
                size = len(payload.data)
                self.stats.inflight_bytes += size
                task.add_done_callback(lambda done: self._abandoned(done, size))
            raise

    def _abandoned(self, task: asyncio.Task[None], size: int) -> None:
        self.release(size)
        if not task.cancelled():
            task.exception()  # nobody is left to be told; marks it as seen

    async def _write(self, signal: Signal, payload: Payload) -> None:
        sequence = self.sequences[signal]
        stats = self.stats.signals[signal]
        seq = sequence.take()
        stamped = headers(
            tenant=self._tenant,
            origin=self._origin,
            seq=seq,
            records=payload.records,
            received_at_unix_nano=self._clock(),
        )
        try:
            await self._bus.send(signal.topic, Message(payload.data, headers=stamped))
        except (BusFull, MessageTooLarge) as error:
            sequence.give_back(seq)
            stats.returned[type(error).__name__] += payload.records
            raise _refusal(error) from error
        except BaseException as error:
            sequence.doubt(seq)
            stats.returned[type(error).__name__] += payload.records
            if isinstance(error, BusError):
                raise _refusal(error) from error
            raise
        sequence.sent(seq)
        stats.records += payload.records
        stats.messages += 1
        stats.bytes += len(payload.data)


def _refusal(error: BusError) -> Refusal:
    if isinstance(error, MessageTooLarge):
        return Refusal(Reason.TOO_LARGE, str(error))
    return Refusal(Reason.UNAVAILABLE, str(error), retry_after=5)
