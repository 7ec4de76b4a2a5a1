"""What the pipeline counts about itself since its start, per partition."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sightline_core.wire.names import Signal

if TYPE_CHECKING:
    from sightline_core.bus.protocol import TopicPartition


@dataclass(slots=True)
class PartitionStats:
    """Counters and standing of one partition.

    Attributes:
        messages, bytes: inserted.
        owned: whether this process has it now.
        failing: why the last try to insert failed; empty when it did not.
        paused: why it waits for a person, in words; empty when it does not.
        oldest_in_hand: monotonic time at which the oldest unfinished message was read; None: none.
        last_received: unix seconds at which the newest message of the last stored batch was
            accepted; 0: nothing was stored.
        store_delay_seconds: from then until it was stored.
    """

    messages: int = 0
    bytes: int = 0
    batches: int = 0
    retries: int = 0
    replayed_batches: int = 0
    dead_lettered: int = 0
    gaps: int = 0
    owned: bool = False
    failing: str = ""
    paused: str = ""
    oldest_in_hand: float | None = None
    last_received: float = 0.0
    store_delay_seconds: float = 0.0

    def inserted(self, messages: int, size: int) -> None:
        """Count one successful insert."""
        self.batches += 1
        self.messages += messages
        self.bytes += size
        self.failing = ""

    def retried(self, reason: object) -> None:
        """Count one failed try."""
        self.retries += 1
        self.failing = str(reason)


@dataclass(slots=True)
class SignalStats:
    """All partitions of one signal that this process ever had."""

    partitions: dict[TopicPartition, PartitionStats] = field(default_factory=dict)

    def of(self, partition: TopicPartition) -> PartitionStats:
        """Return the counters of a partition."""
        return self.partitions.setdefault(partition, PartitionStats())

    @property
    def messages(self) -> int:
        """Messages inserted."""
        return sum(one.messages for one in self.partitions.values())

    @property
    def retries(self) -> int:
        """Inserts that failed and were tried again."""
        return sum(one.retries for one in self.partitions.values())

    @property
    def replayed_batches(self) -> int:
        """Batches that were found in doubt."""
        return sum(one.replayed_batches for one in self.partitions.values())

    @property
    def dead_lettered(self) -> int:
        """Messages that went to the dead letters."""
        return sum(one.dead_lettered for one in self.partitions.values())

    @property
    def gaps(self) -> int:
        """Ranges that were skipped because the bus no longer held them."""
        return sum(one.gaps for one in self.partitions.values())

    @property
    def failing(self) -> bool:
        """Whether the last try of a partition failed."""
        return any(one.failing for one in self.partitions.values())


@dataclass(slots=True)
class Held:
    """Weight of the messages in memory, of all signals, against its limit."""

    limit: int
    weight: int = 0

    @property
    def full(self) -> bool:
        """Whether no more should be read."""
        return self.weight >= self.limit


@dataclass(frozen=True, slots=True)
class PipelineStats:
    """All signals."""

    signals: dict[Signal, SignalStats] = field(
        default_factory=lambda: {signal: SignalStats() for signal in Signal}
    )
