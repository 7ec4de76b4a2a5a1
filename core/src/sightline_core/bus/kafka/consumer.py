"""One member of a consumer group on Kafka."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any, Final

from aiokafka import AIOKafkaConsumer, errors
from aiokafka.structs import TopicPartition as KafkaPartition

from sightline_core.bus.kafka.buffers import Buffers
from sightline_core.bus.kafka.cluster import as_record
from sightline_core.bus.kafka.commits import commit
from sightline_core.bus.kafka.connecting import connect, spare
from sightline_core.bus.kafka.failures import FAILURES, as_bus_error
from sightline_core.bus.kafka.membership import Changes
from sightline_core.bus.kafka.watchdog import Watchdog
from sightline_core.bus.protocol import TopicPartition
from sightline_core.errors import BusError, Fenced, OffsetOutOfRange

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sightline_core.bus.kafka.cluster import Cluster
    from sightline_core.bus.kafka.membership import Change, Membership
    from sightline_core.bus.protocol import Committed, RebalanceListener, Record

_log = logging.getLogger(__name__)
_FETCH_BYTES: Final = 16 << 20
_PARTITION_FETCH_BYTES: Final = 4 << 20
_MOST_RECORDS: Final = 1000
_STOP_SECONDS: Final = 5.0


class KafkaConsumer:
    """Implements `sightline_core.bus.protocol.Consumer` on aiokafka."""

    def __init__(
        self,
        cluster: Cluster,
        group: str,
        topics: Sequence[str],
        listener: RebalanceListener | None,
        forget: Callable[[KafkaConsumer], None],
    ) -> None:
        self._cluster = cluster
        self._options = cluster.options
        self._group = group
        self._topics = tuple(topics)
        self._listener = listener
        self._forget = forget
        self._wake = asyncio.Event()
        self._buffers = Buffers()
        self._owned: frozenset[TopicPartition] = frozenset()
        self._membership: Membership | None = None
        self._client: AIOKafkaConsumer | None = None
        self._changes: Changes | None = None
        self._watchdog = Watchdog(cluster, group)
        self._closed = ""

    @property
    def assignment(self) -> frozenset[TopicPartition]:
        """See `Consumer.assignment`."""
        return self._owned

    async def poll(
        self,
        *,
        max_bytes: int = 8 << 20,
        timeout: float = 1.0,  # noqa: ASYNC109 - the protocol's
    ) -> Mapping[TopicPartition, Sequence[Record]]:
        """See `Consumer.poll`."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while True:
            self._check_open()
            await self._connected()
            await self._run_changes()
            await self._fill(max_bytes, 0)
            if await self._watchdog.stalled(self._buffers.hungry()):
                await self._rebuild()
                continue
            if not self._pending() and (taken := self._buffers.take(max_bytes)):
                self._watchdog.progressed(taken)
                return taken
            left = deadline - loop.time()
            if left <= 0:
                return {}
            await self._fill(max_bytes, min(left, self._watchdog.patience))

    def pause(self, partition: TopicPartition) -> None:
        """See `Consumer.pause`."""
        if partition in self._owned and self._client is not None:
            self._buffers.pause(partition)
            with contextlib.suppress(errors.IllegalStateError):
                self._client.pause(KafkaPartition(*partition))

    def resume(self, partition: TopicPartition) -> None:
        """See `Consumer.resume`."""
        if partition in self._owned and self._client is not None:
            self._buffers.resume(partition)
            with contextlib.suppress(errors.IllegalStateError):
                self._client.resume(KafkaPartition(*partition))

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """See `Consumer.seek`."""
        fenced = Fenced(f"cannot seek in {partition.topic}-{partition.partition}: it is not owned")
        if partition not in self._owned or self._client is None:
            raise fenced
        try:
            self._client.seek(KafkaPartition(*partition), offset)
        except errors.IllegalStateError as error:
            raise fenced from error
        self._buffers.clear(partition)
        self._watchdog.sought(partition, offset)

    async def commit(self, offsets: Mapping[TopicPartition, Committed]) -> None:
        """See `Consumer.commit`."""
        missing = offsets.keys() - self._owned
        client, membership = self._client, self._membership
        if missing or client is None or membership is None:
            names = ", ".join(f"{topic}-{number}" for topic, number in sorted(missing))
            raise Fenced(f"cannot commit {names}: not owned by this member of {self._group}")
        await commit(client, self._group, membership, offsets, self._options)

    async def committed(self, partition: TopicPartition) -> Committed | None:
        """See `Consumer.committed`."""
        topic, number = partition
        return (await self._cluster.committed(self._group, topic, [number])).get(number)

    async def close(self) -> None:
        """See `Consumer.close`."""
        if not self._closed:
            await self._leave()
            self._end("this consumer")

    async def abandon(self) -> None:
        """End without asking the listener: the bus is closing."""
        if not self._closed:
            self._end("the bus on Kafka")
            await self._drop()

    # ---- inside poll

    async def _connected(self) -> None:
        if self._client is not None:
            return
        doing = f"join group {self._group}"
        client = AIOKafkaConsumer(
            group_id=self._group,
            group_instance_id=self._instance_id(),
            enable_auto_commit=False,
            # A position that is not held must be heard of, not skipped; see _lost_position.
            auto_offset_reset="none",
            session_timeout_ms=round(self._options.session_timeout_seconds * 1000),
            heartbeat_interval_ms=round(self._options.session_timeout_seconds * 100),
            max_poll_interval_ms=round(self._options.max_poll_seconds * 1000),
            rebalance_timeout_ms=round(self._options.max_poll_seconds * 1000),
            fetch_max_bytes=_FETCH_BYTES,
            max_partition_fetch_bytes=_PARTITION_FETCH_BYTES,
            **self._options.client(),
        )
        spare(client._client)  # noqa: SLF001 - not to be had otherwise
        try:
            await connect(client.start(), self._options)
        except FAILURES as error:
            await _stop(client)
            raise as_bus_error(error, doing) from error
        except BaseException:
            await _stop(client)
            raise
        self._client = client
        self._changes = Changes(client, self._wake)
        self._watchdog.started()
        client.subscribe(self._topics, listener=self._changes)

    def _instance_id(self) -> str | None:
        """A process has a member for each of its topics; each needs a name of its own."""
        name = self._options.group_instance_id
        return name and ".".join((name, *self._topics))

    def _pending(self) -> bool:
        return self._changes is not None and bool(self._changes.pending)

    async def _run_changes(self) -> None:
        self._wake.clear()
        while self._changes is not None and self._changes.pending:
            change = self._changes.pending[0]
            await self._run(change)
            if self._changes is not None and self._changes.pending:
                self._changes.pending.popleft()
            change.done.set()

    async def _run(self, change: Change) -> None:
        if change.membership is None:
            await self._give_up()
            return
        self._membership = change.membership
        self._owned = change.partitions
        self._buffers.own(self._owned)
        self._watchdog.assigned()
        if self._listener is not None:
            await self._listener.on_assigned(self._owned)

    async def _give_up(self) -> None:
        """Let the listener finish, then own nothing."""
        if not self._owned:
            return
        try:
            if self._listener is not None:
                await self._listener.on_revoked(self._owned)
        finally:
            self._owned = frozenset()
            self._membership = None
            self._buffers.own(())

    async def _fill(self, max_bytes: int, seconds: float) -> None:
        """Fetch what is there; wait up to `seconds` for the first record or a change."""
        client, changes = self._client, self._changes
        if client is None or changes is None or changes.pending:
            return
        fetching = asyncio.create_task(self._fetch(client, changes, max_bytes, seconds))
        waking = asyncio.create_task(self._wake.wait())
        try:
            await asyncio.wait(
                {fetching, waking},
                timeout=seconds + 0.05,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            fetching.cancel()
            waking.cancel()
            await asyncio.wait({fetching, waking})
            # aiokafka counts who is fetching, and an interrupted fetch stays counted for ever;
            # then nobody would notice a member that does not poll any more.
            client._subscription._fetch_count = 0  # noqa: SLF001
            client._subscription._last_fetch_ended = time.monotonic()  # noqa: SLF001
        if not fetching.cancelled():
            try:
                fetching.result()
            except FAILURES as error:
                raise as_bus_error(error, f"read {', '.join(self._topics)}") from error
            except UnicodeDecodeError as error:
                raise BusError(
                    f"cannot read {', '.join(self._topics)}: the name of a header is not UTF-8 "
                    f"({error}); move the group past that message"
                ) from error

    async def _fetch(
        self, client: AIOKafkaConsumer, changes: Changes, max_bytes: int, seconds: float
    ) -> None:
        count = max(1, min(_MOST_RECORDS, max_bytes // (self._buffers.record_bytes + 1)))
        hungry = self._buffers.hungry()
        if not changes.joined or not hungry:
            # Nothing to fetch, only a change to wait for, or what keeps this member from joining.
            client._coordinator.check_errors()  # noqa: SLF001 - getmany would take records along
            await asyncio.sleep(seconds)
            return
        for partition in hungry:
            await self._fetch_from(client, [partition], count, 0)
        if seconds and self._buffers.hungry() == hungry:
            await self._fetch_from(client, hungry, count, seconds)

    async def _fetch_from(
        self,
        client: AIOKafkaConsumer,
        partitions: Sequence[TopicPartition],
        count: int,
        seconds: float,
    ) -> None:
        wanted = [KafkaPartition(*partition) for partition in partitions]
        try:
            fetched = await client.getmany(
                *wanted, timeout_ms=round(seconds * 1000), max_records=count
            )
        except errors.NoOffsetForPartitionError as error:
            await self._find_start(client, error.args[0])
            return
        except errors.OffsetOutOfRangeError as error:
            await self._lost_position(error)
            return
        for found, records in fetched.items():
            partition = TopicPartition(found.topic, found.partition)
            self._buffers.add(partition, [as_record(partition, record) for record in records])

    async def _find_start(self, client: AIOKafkaConsumer, found: Any) -> None:
        """Begin at the group's progress, or at the earliest message if there is none.

        aiokafka takes the answer of a coordinator that has not loaded the group yet for none.
        """
        progress = await self.committed(TopicPartition(found.topic, found.partition))
        if progress is None:
            await client.seek_to_beginning(found)
        else:
            client.seek(found, progress.offset)

    async def _lost_position(self, error: Any) -> None:
        ((found, offset),) = error.args[0].items()
        partition = TopicPartition(found.topic, found.partition)
        bounds = await self._cluster.bounds(partition.topic, [partition.partition])
        first, end = bounds[partition.partition]
        nearest = min(max(offset, first), end)
        if offset > end and await self.committed(partition) is None:
            nearest = first  # the topic was deleted, and with it the progress, and made anew
        raise OffsetOutOfRange(
            f"cannot read {partition.topic}-{partition.partition} from {offset}: "
            f"it holds {first} to {end - 1}; seek to {nearest}",
            partition=partition,
            nearest=nearest,
        )

    # ---- ends

    async def _rebuild(self) -> None:
        _log.warning(
            "the consumer of %s in group %s is stuck: %s; it joins anew",
            ", ".join(self._topics),
            self._group,
            self._watchdog.reason,
        )
        await self._leave()

    async def _leave(self) -> None:
        try:
            if self._pending():
                await self._run_changes()
            await self._give_up()
        finally:
            await self._drop()

    async def _drop(self) -> None:
        client, self._client = self._client, None
        changes, self._changes = self._changes, None
        self._owned = frozenset()
        self._membership = None
        self._buffers.own(())
        if changes is not None:
            changes.close()
        if client is not None:
            await _stop(client)

    def _end(self, what: str) -> None:
        self._closed = what
        self._wake.set()
        self._forget(self)

    def _check_open(self) -> None:
        if self._closed:
            raise BusError(f"cannot read {', '.join(self._topics)}: {self._closed} is closed")


async def _stop(client: AIOKafkaConsumer) -> None:
    """Leave the group if the broker lets us; never wait for it long."""
    stopping = asyncio.create_task(client.stop())
    done, _ = await asyncio.wait({stopping}, timeout=_STOP_SECONDS)
    # aiokafka may let the end of a task of its own out as if the stop had been cancelled.
    if done and not stopping.cancelled() and (error := stopping.exception()) is not None:
        _log.info("cannot leave the group in order: %r", error)
    elif not done:
        stopping.cancel()
        await asyncio.wait({stopping})
        await client._client.close()  # noqa: SLF001 - the connections would stay open
