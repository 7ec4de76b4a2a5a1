"""Every implementation of the bus, for the one suite that all must pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from sightline_core.bus.embedded import EmbeddedBus
from sightline_core.bus.memory import MemoryBus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sightline_core.bus.protocol import Bus


class BusFactory(Protocol):
    """Opens one log again and again; `reopen` shows what is durable."""

    durable: bool
    """Whether messages survive `close`."""

    async def open(self, *, max_message_bytes: int = 1 << 20) -> Bus:
        """Return a bus on this test's own log."""

    async def close(self) -> None:
        """Release everything that was opened."""


class EmbeddedFactory:
    """The SQLite file in a directory of the test."""

    durable = True

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._opened: list[Bus] = []

    async def open(self, *, max_message_bytes: int = 1 << 20) -> Bus:
        """Open the file; the one before must be closed."""
        bus = EmbeddedBus(self._directory, max_message_bytes=max_message_bytes)
        self._opened.append(bus)
        return bus

    async def close(self) -> None:
        """Close whatever the test left open."""
        for bus in self._opened:
            await bus.close()


class MemoryFactory:
    """A new, empty bus each time."""

    durable = False

    async def open(self, *, max_message_bytes: int = 1 << 20) -> Bus:
        """Open an empty one."""
        return MemoryBus(max_message_bytes=max_message_bytes)

    async def close(self) -> None:
        """Nothing is held."""


@pytest.fixture(params=["embedded", "memory"])
async def bus_factory(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BusFactory]:
    factory: BusFactory = (
        MemoryFactory() if request.param == "memory" else EmbeddedFactory(tmp_path / "bus")
    )
    yield factory
    await factory.close()


@pytest.fixture
async def bus(bus_factory: BusFactory) -> Bus:
    return await bus_factory.open()
