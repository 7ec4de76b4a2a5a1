"""Notices a consumer that gets nothing although there is something.

Clients have been seen to wedge after a broker restarted (aiokafka#1154): connected, silent, and no
error. Silence alone proves nothing, a topic may be idle; so after a while of it the log's end is
asked for on another connection.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Final

from sightline_core.errors import BusError, BusUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sightline_core.bus.kafka.cluster import Cluster
    from sightline_core.bus.protocol import Record, TopicPartition

_MOST_REBUILDS: Final = 3


class Watchdog:
    """Watches one consumer. Times are of the event loop's clock."""

    def __init__(self, cluster: Cluster, group: str) -> None:
        self._cluster = cluster
        self._group = group
        self._seconds = cluster.options.stall_seconds
        self._started = _now()
        self._joined = False
        self._quiet_since: dict[TopicPartition, float] = {}
        self._stuck: TopicPartition | None = None
        self._rebuilds = 0
        self._next: dict[TopicPartition, int] = {}
        self.reason = ""

    @property
    def patience(self) -> float:
        """How long to wait for records before asking again, seconds."""
        return max(0.05, self._seconds / 2)

    def started(self) -> None:
        """A new client has connected and joins."""
        self._joined = False
        self._started = _now()

    def assigned(self) -> None:
        """The member is in the group; where it reads from is in the group's progress."""
        self._joined = True
        self._next.clear()
        self._quiet_since.clear()

    def sought(self, partition: TopicPartition, offset: int) -> None:
        """The next record of the partition is this one."""
        self._next[partition] = offset

    def progressed(self, records: Mapping[TopicPartition, Sequence[Record]]) -> None:
        """Records came."""
        if self._stuck is None or self._stuck in records:
            self._stuck, self._rebuilds = None, 0
        for partition, batch in records.items():
            self._next[partition] = batch[-1].offset + 1
            self._quiet_since.pop(partition, None)

    async def stalled(self, wanted: Sequence[TopicPartition]) -> bool:
        """Return whether to build the consumer anew; `reason` says why.

        `wanted` are the partitions that nothing is held of and that are not paused. Each has a
        quiet time of its own: what flows from one says nothing about another.

        Raises:
            BusError: that has been tried, and does not help.
        """
        now = _now()
        self._quiet_since = {found: self._quiet_since.get(found, now) for found in wanted}
        quiet = [found for found, since in self._quiet_since.items() if now - since > self._seconds]
        if not quiet and (self._joined or now - self._started < self._seconds):
            return False
        try:
            self.reason = await self._why(quiet)
        except BusUnavailable:
            self.reason = ""  # the cluster is away; aiokafka comes back with it
        self._started = _now()
        self._quiet_since.update(dict.fromkeys(quiet, self._started))
        if not self.reason:
            return False
        self._rebuilds += 1
        if self._rebuilds > _MOST_REBUILDS:
            raise BusError(
                f"cannot read as a member of group {self._group}: {self.reason}, and joining anew "
                f"{_MOST_REBUILDS} times did not help; restart this process and look at the broker"
            )
        return True

    async def _why(self, quiet: Sequence[TopicPartition]) -> str:
        if not self._joined:
            return f"it has not joined for {self._seconds:g} s"
        for topic, group in itertools.groupby(sorted(quiet), key=lambda found: found.topic):
            partitions = list(group)
            numbers = [partition.partition for partition in partitions]
            bounds = await self._cluster.bounds(topic, numbers)
            unknown = [found.partition for found in partitions if found not in self._next]
            progress = await self._cluster.committed(self._group, topic, unknown) if unknown else {}
            for partition in partitions:
                first, end = bounds[partition.partition]
                known = progress.get(partition.partition)
                at = self._next.get(partition, known.offset if known else first)
                if max(at, first) < end:
                    self._stuck = partition
                    return (
                        f"no record of {topic}-{partition.partition} came for {self._seconds:g} s, "
                        f"and {end - at} wait"
                    )
        return ""


def _now() -> float:
    return asyncio.get_running_loop().time()
