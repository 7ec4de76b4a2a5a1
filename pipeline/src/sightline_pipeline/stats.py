"""What the pipeline counts about itself, per signal, since its start."""

from __future__ import annotations

from dataclasses import dataclass, field

from sightline_core.wire.names import Signal


@dataclass(slots=True)
class SignalStats:
    """Counters of one signal.

    Attributes:
        messages, bytes: inserted.
        failing: whether the last try to insert failed.
    """

    messages: int = 0
    bytes: int = 0
    batches: int = 0
    retries: int = 0
    replayed_batches: int = 0
    dead_lettered: int = 0
    gaps: int = 0
    failing: bool = False

    def inserted(self, messages: int, size: int) -> None:
        """Count one successful insert."""
        self.batches += 1
        self.messages += messages
        self.bytes += size

    def retried(self) -> None:
        """Count one failed try."""
        self.retries += 1
        self.failing = True


@dataclass(frozen=True, slots=True)
class PipelineStats:
    """All signals."""

    signals: dict[Signal, SignalStats] = field(
        default_factory=lambda: {signal: SignalStats() for signal in Signal}
    )
