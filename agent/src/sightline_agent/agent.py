"""The agent as a whole: files into the spool, the spool to a collector, and how it goes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Final

from sightline_agent.forward import Forwarder, Outcome
from sightline_agent.lines import Converter
from sightline_agent.spool import Spool, SpoolFull
from sightline_agent.tail import Tailer
from sightline_core.health import Metric
from sightline_redaction.pack import load
from sightline_redaction.redactor import Redactor

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sightline_core.settings import Settings

log = logging.getLogger(__name__)

SPOOL_FILE: Final = "agent.sqlite"
BATCH_BYTES: Final = 2 << 20
LOOK_SECONDS: Final = 1.0
"""How often names are looked at; a file that comes and goes between two looks is not seen."""
READ_SECONDS: Final = 0.25
FULL_SECONDS: Final = 1.0


class Agent:
    """Reads and forwards until it is stopped."""

    def __init__(self, settings: Settings, resource: Mapping[str, str]) -> None:
        """Open the spool.

        Raises:
            ConfigError: another agent has it, or it is damaged.
        """
        self._settings = settings
        self._spool = Spool(spool_path(settings), max_bytes=settings.agent_spool_max_bytes)
        self._tailer = Tailer(settings.agent_files, self._spool.checkpoints())
        self._converter = Converter(resource, Redactor(load()))
        self._forwarder = Forwarder(self._spool, settings.agent_endpoint)
        self._full = ""
        self._looked = -LOOK_SECONDS

    async def run(self, told: asyncio.Event) -> None:
        """Work until `told`; what is not sent by then waits in the spool."""
        loops = [asyncio.create_task(self._read(told)), asyncio.create_task(self._send(told))]
        try:
            await asyncio.gather(*loops)
        finally:
            told.set()
            await asyncio.gather(*loops, return_exceptions=True)
            self._tailer.close()
            self._forwarder.close()
            self._spool.close()

    def step(self) -> bool:
        """Move what is new in the files to the spool; return whether there may be more.

        Raises:
            SpoolFull: no room; nothing moved.
        """
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            self._tailer.look()
            for device, inode in self._tailer.close_finished():
                self._spool.forget(device, inode)
            self._spool.expire(time.time() - self._settings.agent_spool_max_seconds)
        reads = list(self._tailer.read(BATCH_BYTES))
        if not reads:
            return False
        payload, records = self._converter.request(reads)
        self._spool.append(payload, records, [read.checkpoint for read in reads])
        for read in reads:
            self._tailer.keep(read.checkpoint)
        return True

    def not_ready(self) -> list[str]:
        """Say what keeps telemetry from moving."""
        return [said for said in (self._full, self._forwarder.trouble) if said]

    def metrics(self) -> list[Metric]:
        """Return the agent's own metrics."""
        state = self._spool.state()
        values: tuple[tuple[str, float, str], ...] = (
            ("entries", state.entries, "Requests that wait in the spool."),
            ("records", state.records, "Log records that wait in the spool."),
            ("bytes", state.bytes, "Bytes that wait in the spool."),
        )
        totals = (
            ("accepted", state.accepted, "Log records that were written to the spool."),
            ("sent", state.sent, "Log records that the endpoint took."),
            ("truncations", self._tailer.truncations, "Files that were cut or began anew."),
        )
        dropped = [({"reason": name}, float(n)) for name, n in sorted(state.dropped.items())]
        return [
            *(Metric(f"sightline_agent_spool_{n}", "gauge", h, [({}, v)]) for n, v, h in values),
            *(Metric(f"sightline_agent_{n}_total", "counter", h, [({}, v)]) for n, v, h in totals),
            Metric("sightline_agent_dropped_total", "counter", "Records given up.", dropped),
            Metric(
                "sightline_agent_open_files",
                "gauge",
                "Files that are followed.",
                [({}, self._tailer.open_files)],
            ),
        ]

    async def _read(self, told: asyncio.Event) -> None:
        while not told.is_set():
            try:
                more = await asyncio.to_thread(self.step)
                self._full = ""
                wait = 0.0 if more else READ_SECONDS
            except SpoolFull as error:
                if not self._full:
                    log.warning("files are not read for now: %s", error)
                self._full, wait = f"files are not read for now: {error}", FULL_SECONDS
            await _pause(told, wait)

    async def _send(self, told: asyncio.Event) -> None:
        said = ""
        while not told.is_set():
            try:
                outcome = await asyncio.to_thread(self._forwarder.send_next)
            except SpoolFull:
                await _pause(told, FULL_SECONDS)
                continue
            if self._forwarder.trouble and not said:
                log.warning("%s", self._forwarder.trouble)
            said = self._forwarder.trouble
            idle = READ_SECONDS if outcome is Outcome.EMPTY else self._forwarder.wait_seconds
            await _pause(told, idle)


def spool_path(settings: Settings) -> Path:
    """Return where the spool of an agent with these settings is."""
    return settings.data_dir / SPOOL_FILE


async def _pause(told: asyncio.Event, seconds: float) -> None:
    if seconds:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(told.wait(), seconds)
