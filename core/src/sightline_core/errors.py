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
        │   ├── OutOfMemory    it needs more memory than it may use now; retry, then try less
        │   ├── StoreDenied    it refuses who asks; a person must act, then retry
        │   └── SchemaMismatch its tables are not those that we know; same
        ├── StoreLocked        another process owns this data directory
        ├── PoisonBatch        the engine cannot decode the batch; bisect it
        ├── TooManyPartitions  the times of a batch are spread over too many days; bisect it
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


class OutOfMemory(StoreUnavailable):
    """The statement needs more memory than the engine may use now; part of it may be stored."""


class StoreDenied(StoreUnavailable):
    """The store refuses who asks; nothing changes until a person acts."""


class SchemaMismatch(StoreUnavailable):
    """A table or column is not there; nothing changes until the store is migrated."""


class StoreLocked(StoreError):  # noqa: N818
    """Another process has this data directory open."""


class PoisonBatch(StoreError):  # noqa: N818
    """The engine cannot decode a batch; some message in it is damaged."""


class TooManyPartitions(StoreError):  # noqa: N818
    """One insert would write into more partitions than the engine allows; insert less at once."""


class MigrationError(StoreError):
    """A migration failed, or one that was applied has been changed since."""
