"""Work beside the telemetry: whatever makes it fail is told and waited out, and ends nothing else.

A dead-letter topic is written by anybody, so one message of it may be beyond what can be read. That
holds up dead letters; spans, logs and metrics go on.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from sightline_pipeline.breaker import pause_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from sightline_core.bus.protocol import TopicPartition

log = logging.getLogger(__name__)

HEALTHY_SECONDS = 30.0
"""Work that goes on for this long without an error has recovered."""


class SideWork:
    """Keeps such work going and remembers what is wrong with it."""

    def __init__(self) -> None:
        """Begin with nothing wrong."""
        self._troubles: dict[TopicPartition, str] = {}

    @property
    def troubles(self) -> Mapping[TopicPartition, str]:
        """Why work failed last, by what it reads; empty: it has recovered."""
        return self._troubles

    async def keep(
        self, doing: str, what: TopicPartition, work: Callable[[], Coroutine[None, None, None]]
    ) -> None:
        """Run `work` until it returns; after any error again, ever less often.

        Args:
            doing: completes "cannot …" in the log.
            what: under which name its troubles are reported.
            work: may be run again after it has raised.
        """
        failures = 0
        while True:
            working = asyncio.create_task(work())
            try:
                done, _ = await asyncio.wait({working}, timeout=HEALTHY_SECONDS)
                if not done:
                    failures = 0
                    if what in self._troubles:
                        self._troubles[what] = ""
                await working
            except Exception as error:  # noqa: BLE001 - of any kind: telemetry must not end by it
                failures += 1
                self._troubles[what] = f"cannot {doing}: {error}"
                log.error("cannot %s, trying again: %r", doing, error)  # noqa: TRY400
            else:
                return
            finally:
                working.cancel()
                await asyncio.wait({working})
            await asyncio.sleep(pause_seconds(failures))
