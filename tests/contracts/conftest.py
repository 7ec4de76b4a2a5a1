"""Every implementation of the bus, for the one suite that all must pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest
from tests.contracts.steps import Own

from sightline_core.bus.embedded import EmbeddedBus
from sightline_core.bus.kafka.bus import KafkaBus
from sightline_core.bus.kafka.options import KafkaOptions
from sightline_core.bus.memory import MemoryBus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.broker.cluster import KafkaCluster

    from sightline_core.bus.protocol import Bus


class BusFactory(Protocol):
    """Opens one log again and again; `reopen` shows what is durable."""

    async def open(self, *, max_message_bytes: int = 1 << 20) -> Bus:
        """Return a bus on this test's own log."""

    async def close(self) -> None:
        """Release everything that was opened."""


class EmbeddedFactory:
    """The SQLite file in a directory of the test."""

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


class KafkaFactory:
    """A connection to the shared broker; tests keep apart by their topics and groups."""

    def __init__(self, kafka: KafkaCluster) -> None:
        self._bootstrap = kafka.bootstrap
        self._opened: list[Bus] = []

    async def open(self, *, max_message_bytes: int = 1 << 20) -> Bus:
        """Connect once more."""
        options = KafkaOptions(
            bootstrap_servers=self._bootstrap,
            max_message_bytes=max_message_bytes,
            session_timeout_seconds=6,
            metadata_seconds=1,
        )
        bus = KafkaBus(options)
        self._opened.append(bus)
        return bus

    async def close(self) -> None:
        """Close whatever the test left open."""
        for bus in self._opened:
            await bus.close()


class MemoryFactory:
    """A new, empty bus each time."""

    async def open(self, *, max_message_bytes: int = 1 << 20) -> Bus:
        """Open an empty one."""
        return MemoryBus(max_message_bytes=max_message_bytes)

    async def close(self) -> None:
        """Nothing is held."""


async def _factory(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[BusFactory]:
    factory: BusFactory
    if kind == "memory":
        factory = MemoryFactory()
    elif kind == "embedded":
        factory = EmbeddedFactory(request.getfixturevalue("tmp_path") / "bus")
    else:
        factory = KafkaFactory(request.getfixturevalue("kafka"))
    yield factory
    await factory.close()


@pytest.fixture(params=["embedded", "memory", "kafka"])
async def bus_factory(request: pytest.FixtureRequest) -> AsyncIterator[BusFactory]:
    """Each implementation."""
    async for factory in _factory(request.param, request):
        yield factory


@pytest.fixture(params=["embedded", "kafka"])
async def durable_factory(request: pytest.FixtureRequest) -> AsyncIterator[BusFactory]:
    """Each implementation that keeps messages when it is closed."""
    async for factory in _factory(request.param, request):
        yield factory


@pytest.fixture
async def bus(bus_factory: BusFactory) -> Bus:
    return await bus_factory.open()


@pytest.fixture
def own() -> Own:
    return Own()
