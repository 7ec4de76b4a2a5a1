"""What the collector counted since it started."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from sightline_core.wire.names import Signal


@dataclass(slots=True)
class SignalStats:
    """Counters of one signal; they only grow.

    Attributes:
        requests: export requests that were answered, whatever the answer.
        accepted: spans, log records or data points of requests that could be read; each is then
            forwarded, rejected, returned or still being written.
        records: those durably on the bus.
        messages: bus messages they were written as.
        bytes: protobuf bytes of those messages.
        rejected_by: records of otherwise accepted requests that were not, by service and reason.
        returned: records that the bus did not take, by reason; their senders keep them.
        refused: requests answered with an error, by `Reason` name.
    """

    requests: int = 0
    accepted: int = 0
    records: int = 0
    messages: int = 0
    bytes: int = 0
    rejected_by: Counter[tuple[str, str]] = field(default_factory=Counter)
    returned: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Stats:
    """Counters of a collector.

    Attributes:
        inflight_bytes: request bytes held now; returns to 0 when idle.
    """

    signals: dict[Signal, SignalStats] = field(
        default_factory=lambda: {signal: SignalStats() for signal in Signal}
    )
    inflight_bytes: int = 0
