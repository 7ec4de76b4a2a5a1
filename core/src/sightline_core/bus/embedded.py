"""The bus on one SQLite file, for one process."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from sightline_core.bus.admission import (
    Partitioner,
    check_topic,
    encode_message,
    largest_message,
)
from sightline_core.bus.byte_queue import ByteQueue
from sightline_core.bus.groups import GroupConsumer, GroupCoordinator
from sightline_core.bus.protocol import Committed, Lag, Message, Position, Record, TopicPartition
from sightline_core.bus.pulse import Pulse
from sightline_core.bus.reader import Reader
from sightline_core.bus.retention import Retention
from sightline_core.bus.storage import (
    LAST_OFFSET,
    DirectoryLock,
    LogFile,
    PartitionLog,
    statements,
)
from sightline_core.bus.writer import Append, Outcome, Work, Writer
from sightline_core.errors import BusError, OffsetOutOfRange

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from sightline_core.bus.protocol import RebalanceListener
    from sightline_core.settings import Settings

_QUEUE_BYTES: Final = 32 << 20


class EmbeddedBus:
    """Implements `sightline_core.bus.protocol.Bus`; one process, one event loop.

    Loss window: none. `send` and `commit` return after an fsync (`synchronous=FULL` on SQLite's
    write-ahead log), so what they acknowledged survives `kill -9` and power loss, as far as the
    disk honours fsync. Concurrent sends share one transaction and one fsync.

    Retention removes only messages that every group which ever read their topic has committed
    past: those older than `retention_seconds`, and, oldest first, those that make the bus as a
    whole hold more than `retention_bytes` (or half of `max_bytes`, if that is less). A topic that
    no group ever read keeps everything. Topics named `*.dlq` are bound by age alone, by
    `dlq_retention_seconds`, and groups do not hold them back. Room is reused; the file does not
    shrink.

    With `max_bytes` held, or no room on the disk, `send` raises `BusFull`; reading and committing
    go on, and so do sends once retention has made room. 128 MiB of the disk stay free for that.

    Memory: at most 32 MiB (or two messages) wait to be written, further senders wait in `send`.
    """

    def __init__(  # noqa: PLR0913 - limits, each with a default
        self,
        directory: Path,
        *,
        max_message_bytes: int = 8 << 20,
        retention_bytes: int = 2 << 30,
        retention_seconds: float = 24 * 3600,
        dlq_retention_seconds: float = 30 * 86400,
        max_bytes: int = 16 << 30,
        max_poll_seconds: float = 300,
    ) -> None:
        """Open or create the bus in `directory`.

        `max_poll_seconds`: a group member that does not poll for so long loses its partitions to
        the others of its group.

        Raises:
            BusLocked: another process, or another bus of this one, has it open.
            BusError: the directory cannot be used, or the file is damaged.
        """
        self._max_message_bytes = min(max_message_bytes, max_bytes // 4)
        self._lock = DirectoryLock(directory)
        try:
            self._file = LogFile(directory)
            self._reader = Reader(self._file)
        except BaseException:
            self._lock.release()
            raise
        self._pulse = Pulse()
        self._queue = ByteQueue(max(_QUEUE_BYTES, 2 * self._max_message_bytes))
        self._partitioner = Partitioner()
        self._groups = GroupCoordinator(self, max_poll_seconds)
        retention = Retention(
            self._file,
            max_bytes=min(retention_bytes, max_bytes // 2),
            max_seconds=retention_seconds,
            dlq_max_seconds=dlq_retention_seconds,
        )
        self._writer = Writer(self._file, retention, max_bytes, self._settled)
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> EmbeddedBus:
        """Open the bus in `<data_dir>/bus`; errors as the constructor's."""
        return cls(
            settings.data_dir / "bus",
            max_message_bytes=settings.bus_max_message_bytes,
            retention_bytes=settings.bus_retention_bytes,
            retention_seconds=settings.bus_retention_seconds,
            dlq_retention_seconds=settings.dead_letter_retention_seconds,
            max_bytes=settings.bus_max_bytes,
        )

    @property
    def max_message_bytes(self) -> int:
        """See `Bus.max_message_bytes`; never more than a quarter of `max_bytes`."""
        return self._max_message_bytes

    @property
    def held_bytes(self) -> int:
        """What all messages take, as counted against the limits."""
        return self._file.held_bytes

    async def create_topic(self, topic: str, *, partitions: int) -> None:
        """See `Bus.create_topic`.

        Raises:
            BusError: the name is not one that Kafka takes, or the number is not 1 to 1024.
        """
        check_topic(topic, partitions)
        if self.partition_count(topic) >= partitions:
            return
        created: list[PartitionLog] = []

        def run(connection: sqlite3.Connection) -> None:
            created.clear()
            used = sum(len(logs) for logs in self._file.topics.values())
            for number in range(self.partition_count(topic), partitions):
                log = PartitionLog(used + len(created), TopicPartition(topic, number), 0, 0)
                connection.execute(statements()["add_log"], (log.id, topic, number))
                created.append(log)

        def committed() -> None:
            # Replaced, not changed: the event loop may be looking at the old list.
            self._file.topics[topic] = [*self._file.topics.get(topic, []), *created]

        await self._work(f"create topic {topic}", run, committed)
        self._groups.topics_changed()

    async def partitions(self, topic: str) -> int:
        """See `Bus.partitions`."""
        self.check_open()
        return self.partition_count(topic)

    async def send(self, topic: str, message: Message, *, partition: int | None = None) -> Position:
        """See `Bus.send`."""
        self.check_open()
        encoded = encode_message(topic, message, largest_message(topic, self._max_message_bytes))
        if not self.partition_count(topic):
            await self.create_topic(topic, partitions=1)
        logs = self._file.topics[topic]
        log = logs[self._partitioner.choose(topic, encoded, len(logs), partition)]
        await self._queue.enter(encoded.size)
        if self._closing is not None:
            self._queue.leave(encoded.size)
            self.check_open()
        future: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
        self._writer.submit(Append(log, encoded, future))
        return await future

    def consumer(
        self, group: str, topics: Sequence[str], listener: RebalanceListener | None = None
    ) -> GroupConsumer:
        """See `Bus.consumer`."""
        return self._groups.consumer(group, topics, listener)

    async def read(self, partition: TopicPartition, first: int, last: int) -> Sequence[Record]:
        """See `Bus.read`."""
        self.check_open()
        if last < first:
            return []
        records: list[Record] = []
        while not records or records[-1].offset < last:
            at = first + len(records)
            start, end = self.bounds(partition)
            if not start <= at <= last < end:
                raise OffsetOutOfRange(
                    f"cannot read {partition.topic}-{partition.partition} from {at} to {last}: "
                    f"it holds {start} to {end - 1}"
                )
            records += await self._reader.records(self._log(partition), at, last, _QUEUE_BYTES)
        return records

    async def lag(self, group: str, topic: str) -> Sequence[Lag]:
        """See `Bus.lag`."""
        self.check_open()
        return [await self._lag(group, log) for log in self._file.topics.get(topic, [])]

    async def forget_group(self, group: str) -> None:
        """Forget a group for good: its progress, and that retention waits for it.

        Without this, a group that nobody runs any more holds the messages of its topics for ever.
        (Kafka forgets groups by itself, and its retention waits for none.)

        Raises:
            BusError: the group has members.
            BusUnavailable, BusFull: not forgotten, or unknown; try again.
        """
        self._groups.check_abandoned(group)

        def run(connection: sqlite3.Connection) -> None:
            connection.execute(statements()["forget_subscriptions"], (group,))
            connection.execute(statements()["forget_progress"], (group,))

        def committed() -> None:
            # Replaced, not changed: retention may be looking at the old ones on its thread.
            self._file.progress = {
                key: held for key, held in self._file.progress.items() if key[0] != group
            }
            self._file.subscriptions = {
                topic: groups - {group} for topic, groups in self._file.subscriptions.items()
            }

        await self._work(f"forget group {group}", run, committed)

    async def close(self) -> None:
        """See `Bus.close`."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    # What consumer groups need: sightline_core.bus.groups.PartitionedLog

    @property
    def pulse(self) -> Pulse:
        """Beats when there is something new."""
        return self._pulse

    def check_open(self) -> None:
        """Raise `BusError` after `close`."""
        if self._closing is not None:
            raise BusError(f"cannot use the bus in {self._file.path.parent}: it is closed")

    def partition_count(self, topic: str) -> int:
        """Return 0 for an unknown topic."""
        return len(self._file.topics.get(topic, ()))

    def bounds(self, partition: TopicPartition) -> tuple[int, int]:
        """Return the first offset held and the next one to come; (0, 0) for unknown partitions."""
        if partition.partition >= self.partition_count(partition.topic):
            return 0, 0
        log = self._log(partition)
        return log.start, log.end

    async def fetch(
        self, partition: TopicPartition, first: int, max_bytes: int
    ) -> Sequence[Record]:
        """Return records from `first` on: one, and more while their bytes stay in `max_bytes`."""
        return await self._reader.records(self._log(partition), first, LAST_OFFSET, max_bytes)

    def stored(self, group: str, partition: TopicPartition) -> Committed | None:
        """Return a group's durable progress."""
        return self._file.progress.get((group, partition))

    async def store(self, group: str, offsets: Mapping[TopicPartition, Committed]) -> None:
        """Make a group's progress durable."""
        rows = [
            (group, self._log(partition).id, commit.offset, commit.metadata)
            for partition, commit in offsets.items()
        ]

        def committed() -> None:
            self._file.progress.update({(group, key): value for key, value in offsets.items()})

        await self._work(
            f"commit as group {group}",
            lambda connection: connection.executemany(statements()["set_progress"], rows),
            committed,
        )

    async def subscribe(self, group: str, topics: Sequence[str]) -> None:
        """Make retention wait for the group, durably."""
        known = self._file.subscriptions
        rows = [(topic, group) for topic in topics if group not in known.get(topic, ())]
        if not rows:
            return

        def committed() -> None:
            for topic, _ in rows:
                known.setdefault(topic, set()).add(group)

        await self._work(
            f"join group {group}",
            lambda connection: connection.executemany(statements()["add_subscription"], rows),
            committed,
        )

    def _log(self, partition: TopicPartition) -> PartitionLog:
        return self._file.topics[partition.topic][partition.partition]

    async def _work(
        self, doing: str, run: Callable[[sqlite3.Connection], Any], committed: Callable[[], None]
    ) -> None:
        self.check_open()
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._writer.submit(Work(doing, run, committed, future))
        await future

    async def _lag(self, group: str, log: PartitionLog) -> Lag:
        stored = self.stored(group, log.name)
        committed = stored.offset if stored else log.start
        end = log.end
        oldest = None
        if committed < end:
            oldest = await self._reader.timestamp_ms(log, max(committed, log.start))
        return Lag(log.name.topic, log.name.partition, committed, end, oldest)

    def _settled(self, outcomes: Sequence[Outcome]) -> None:
        self._queue.leave(
            sum(
                outcome.item.message.size
                for outcome in outcomes
                if isinstance(outcome.item, Append)
            )
        )
        self._pulse.beat()

    async def _close(self) -> None:
        self._pulse.beat()
        self._queue.open_wide()
        await asyncio.to_thread(self._writer.close)
        await asyncio.to_thread(self._reader.close)
        self._lock.release()
