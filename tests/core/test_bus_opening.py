"""The settings name the bus; each component opens the one that is named."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from sightline_core.bus.embedded import EmbeddedBus
from sightline_core.bus.kafka.bus import KafkaBus
from sightline_core.bus.opening import open_bus
from sightline_core.errors import ConfigError
from sightline_core.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path


async def test_the_embedded_bus_is_the_default(tmp_path: Path) -> None:
    bus = open_bus(load_settings(data_dir=tmp_path))
    assert isinstance(bus, EmbeddedBus)
    await bus.close()


async def test_kafka_is_opened_without_asking_it_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGHTLINE_BUS", "kafka")
    monkeypatch.setenv("SIGHTLINE_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    bus = open_bus(load_settings())
    assert isinstance(bus, KafkaBus)
    assert bus.max_message_bytes == 1_000_000
    await bus.close()


async def test_what_kafka_needs_is_named_when_it_is_not_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in sys.modules if name.startswith("sightline_core.bus.kafka")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "aiokafka", None)
    with pytest.raises(ConfigError, match=r"aiokafka is not installed; pip install .*kafka"):
        open_bus(load_settings(bus="kafka"))


def test_a_bus_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match="bus: "):
        load_settings(bus="rabbit")
