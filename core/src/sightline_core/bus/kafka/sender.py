"""Sends messages: idempotent, acknowledged by all in-sync replicas, each one checked."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

from aiokafka import AIOKafkaProducer, errors

from sightline_core.bus.admission import DEAD_LETTER_ROOM
from sightline_core.bus.kafka.connecting import connect, spare
from sightline_core.bus.kafka.failures import FAILURES, as_bus_error
from sightline_core.bus.protocol import Position
from sightline_core.errors import BusUnavailable, MessageTooLarge

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from sightline_core.bus.kafka.options import KafkaOptions
    from sightline_core.bus.kafka.topics import Topics
    from sightline_core.bus.protocol import Message

_log = logging.getLogger(__name__)
_BATCH_BYTES: Final = 512 << 10
_LINGER_MS: Final = 2
_BACKOFF_SECONDS: Final = 0.05


class Sender:
    """One aiokafka producer, replaced after an error that it cannot recover from.

    A producer numbers its batches for the broker; once one of them has failed for good, all that
    follow are out of sequence. So the next message goes to a new one.
    """

    def __init__(self, options: KafkaOptions, topics: Topics) -> None:
        self._options = options
        self._topics = topics
        self._producer: AIOKafkaProducer | None = None
        self._starting: asyncio.Task[AIOKafkaProducer] | None = None
        self._retiring: set[asyncio.Task[None]] = set()

    async def send(self, topic: str, partition: int, message: Message, size: int) -> Position:
        """Append; return when all in-sync replicas have it.

        Raises:
            MessageTooLarge, BusUnavailable, BusError: see `Bus.send`.
        """
        doing = f"append to {topic}-{partition}"
        producer: AIOKafkaProducer | None = None
        try:
            async with asyncio.timeout(self._options.send_timeout_seconds):
                producer = await self._started()
                await _learn_of(producer, topic, partition)
                written = await (
                    await producer.send(
                        topic,
                        message.value,
                        message.key,
                        partition,
                        headers=list(message.headers),
                    )
                )
        except errors.MessageSizeTooLargeError as error:
            self._retire(producer)
            await self._topics.check(topic)
            largest = self._topics.largest_message(topic)
            if size <= largest:
                raise BusUnavailable(f"cannot {doing}: it shared a batch too large") from error
            raise MessageTooLarge(
                f"cannot {doing}: {size:,} bytes, Kafka takes {largest:,}; split it"
            ) from error
        except FAILURES as error:
            if not isinstance(error, TimeoutError | errors.KafkaTimeoutError):
                self._retire(producer)
            raise as_bus_error(error, doing) from error
        return Position(topic, partition, written.offset)

    async def close(self) -> None:
        """Flush what is under way, for `send_timeout_seconds` at most."""
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()
            await asyncio.wait({self._starting})
        self._retire(self._producer)
        if self._retiring:
            await asyncio.wait(self._retiring)

    async def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            if self._starting is None or self._starting.done():
                self._starting = asyncio.create_task(self._start())
                self._starting.add_done_callback(_heard)
            # A send that gives up does not interrupt it: aiokafka would leave connections open.
            return await asyncio.shield(self._starting)
        return self._producer

    async def _start(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            acks="all",
            enable_idempotence=True,
            compression_type="zstd",
            linger_ms=_LINGER_MS,
            max_batch_size=min(_BATCH_BYTES, self._topics.max_message_bytes),
            max_request_size=self._options.max_message_bytes * 2 + DEAD_LETTER_ROOM,
            **self._options.client(),
        )
        spare(producer.client)
        try:
            # It asks for its number without end; connecting has a time limit of its own.
            async with asyncio.timeout(4 * self._options.request_timeout_seconds):
                await connect(producer.start(), self._options)
        except BaseException:
            await _stop(producer, 0)
            raise
        self._producer = producer
        return producer

    def _retire(self, producer: AIOKafkaProducer | None) -> None:
        if producer is not None and producer is self._producer:
            self._producer = None
            self._keep(_stop(producer, self._options.send_timeout_seconds))

    def _keep(self, ending: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(ending)
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)


def _heard(task: asyncio.Task[AIOKafkaProducer]) -> None:
    """Take note of an error, also when all who waited for the task have given up."""
    if not task.cancelled():
        task.exception()


async def _learn_of(producer: AIOKafkaProducer, topic: str, partition: int) -> None:
    """Wait until the producer knows a partition that was just made."""
    while partition not in await producer.partitions_for(topic):
        await producer.client.force_metadata_update()
        await asyncio.sleep(_BACKOFF_SECONDS)


async def _stop(producer: AIOKafkaProducer, seconds: float) -> None:
    """Let it flush for that long, then end it: on its own it waits for a broker for ever."""
    try:
        async with asyncio.timeout(seconds):
            await producer.stop()
    except FAILURES as error:
        _log.warning("cannot flush to Kafka: %r", error)
        with contextlib.suppress(*FAILURES):
            await producer._sender.close()  # noqa: SLF001 - nothing public ends a waiting producer
            await producer.client.close()
