"""Errors that carry a sentence for the person who must act on them.

    SightlineError
    ├── ConfigError            a setting is unknown or wrong
    ├── BusError               the bus cannot do what was asked
    │   ├── MessageTooLarge    one message exceeds `Bus.max_message_bytes`
    │   ├── BusFull            no room: disk full or the size limit reached; retry later
    │   ├── BusUnavailable     temporarily out of reach; retry later
    │   ├── BusLocked          another process owns this log
    │   ├── OffsetOutOfRange   the wanted offset was removed by retention, or is not there yet
    │   └── Fenced             the partition belongs to another consumer now
    └── StoreError             the store refused or failed
        ├── StoreUnavailable   temporarily out of reach; retry later
        ├── StoreLocked        another process owns this data directory
        ├── PoisonBatch        the engine cannot decode the batch; bisect it
        └── MigrationError     a migration failed, or an applied one was changed

Every message reads "cannot <do> <what>: <why>", ends without a full stop and, where there is one,
names the way out.
"""

from __future__ import annotations


class SightlineError(Exception):
    """Base of every error that Sightline raises on purpose."""


class ConfigError(SightlineError):
    """A setting is unknown or has a wrong value."""


class BusError(SightlineError):
    """The bus cannot do what was asked."""


class MessageTooLarge(BusError):  # noqa: N818 - the field's name for it
    """One message exceeds `Bus.max_message_bytes`; it was not written."""


class BusFull(BusError):  # noqa: N818
    """Nothing was written because there is no room; a later retry may succeed."""


class BusUnavailable(BusError):  # noqa: N818
    """The bus is temporarily out of reach; it is unknown whether anything was written."""


class BusLocked(BusError):  # noqa: N818
    """Another process has this embedded log open."""


class OffsetOutOfRange(BusError):  # noqa: N818
    """The wanted offset is outside what the partition still holds.

    Attributes:
        partition: topic and number, where a consumer's position is meant.
        nearest: the offset held, or next to be held, that is nearest to the wanted one.
    """

    def __init__(
        self, message: str, *, partition: tuple[str, int] = ("", 0), nearest: int = 0
    ) -> None:
        """Say what to `seek` to."""
        super().__init__(message)
        self.partition = partition
        self.nearest = nearest


class Fenced(BusError):  # noqa: N818
    """The partition was assigned to another consumer; nothing was committed."""


class StoreError(SightlineError):
    """The store refused a statement or failed on it."""

    def __init__(self, message: str, *, code: int | None = None) -> None:
        """Keep the engine's numeric error `code` where there is one."""
        super().__init__(message)
        self.code = code


class StoreUnavailable(StoreError):  # noqa: N818
    """The store is temporarily out of reach or overloaded; retry later."""


class StoreLocked(StoreError):  # noqa: N818
    """Another process has this data directory open."""


class PoisonBatch(StoreError):  # noqa: N818
    """The engine cannot decode a batch; some message in it is damaged."""


class MigrationError(StoreError):
    """A migration failed, or one that was applied has been changed since."""
