"""Offsets that had to be skipped: counted, logged, and kept in the store for the ledger."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from sightline_pipeline.landing import SQL

if TYPE_CHECKING:
    from sightline_core.bus.protocol import TopicPartition
    from sightline_core.store.client import Store


class Gaps:
    """Remembers gaps until the store has them."""

    def __init__(self, store: Store) -> None:
        """Begin with none."""
        self._store = store
        self._waiting: list[dict[str, Any]] = []
        self._saving = threading.Lock()

    def add(self, partition: TopicPartition, first: int, last: int, reason: str) -> None:
        """Take down that the offsets `first` to `last` were skipped."""
        self._waiting.append(
            {
                "at": time.time_ns() // 1_000_000,
                "topic": partition.topic,
                "partition": partition.partition,
                "first": first,
                "last": last,
                "reason": reason,
            }
        )

    def waiting(self, partition: TopicPartition) -> bool:
        """Say whether the store lacks a gap of this partition."""
        return any((gap["topic"], gap["partition"]) == partition for gap in tuple(self._waiting))

    def save(self) -> None:
        """Write what is waiting; blocks; callable from several threads.

        Raises:
            StoreError: the rest is still waiting; a row that is written again replaces itself.
        """
        sql = (SQL / "save_gap.sql").read_text(encoding="utf-8")
        with self._saving:
            while self._waiting:
                self._store.command(sql, self._waiting[0])
                self._waiting.pop(0)
