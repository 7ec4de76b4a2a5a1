"""The bus that the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sightline_core.bus.embedded import EmbeddedBus
from sightline_core.errors import ConfigError

if TYPE_CHECKING:
    from sightline_core.bus.protocol import Bus
    from sightline_core.settings import Settings


def open_bus(settings: Settings) -> Bus:
    """Return the bus of `settings.bus`; call it inside the event loop that uses it.

    Raises:
        ConfigError: what Kafka needs is not installed, or its settings do not fit together.
        BusLocked: another process has the embedded bus open.
    """
    if settings.bus == "embedded":
        return EmbeddedBus.from_settings(settings)
    try:
        # Not everybody installs what it needs.
        from sightline_core.bus.kafka.bus import KafkaBus  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"cannot use bus=kafka: {error.name} is not installed; pip install 'sightline[kafka]'"
        ) from error
    return KafkaBus.from_settings(settings)
