"""Topics: made as Sightline needs them, or looked at where the cluster's owner makes them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from aiokafka import errors
from aiokafka.protocol.admin import (
    CreatePartitionsRequest,
    CreateTopicsRequest,
    DescribeConfigsRequest,
)

from sightline_core.bus.admission import check_topic, largest_message
from sightline_core.errors import BusError
from sightline_core.wire.names import DLQ_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiokafka.client import AIOKafkaClient

    from sightline_core.bus.kafka.cluster import Cluster

_log = logging.getLogger(__name__)
BATCH_ROOM: Final = 4096
"""Bytes that a batch takes beside the message in it; Kafka's limit is about batches."""
_TOPIC_RESOURCE: Final = 2
_FORBIDDEN: Final = (
    errors.TopicAuthorizationFailedError,
    errors.ClusterAuthorizationFailedError,
    errors.PolicyViolationError,
)


class Topics:
    """Makes, grows and checks topics; knows the largest message that all of them take."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._options = cluster.options
        self.max_message_bytes = self._options.max_message_bytes
        self._learnt: dict[str, int] = {}

    def largest_message(self, topic: str) -> int:
        """Return how many bytes a message to `topic` may have, as far as is known."""
        possible = largest_message(topic, self._options.max_message_bytes)
        if topic.endswith(DLQ_SUFFIX):
            return self._learnt.get(topic, possible)
        return self.max_message_bytes

    async def create(self, topic: str, partitions: int) -> None:
        """See `Bus.create_topic`.

        Raises:
            BusError: not possible or not allowed; says what the cluster's owner can do.
        """
        check_topic(topic, partitions)
        held = await self._cluster.partition_count(topic)
        if held == 0:
            await self._create(topic, partitions)
        elif held < partitions:
            await self._grow(topic, held, partitions)
        await self.check(topic)

    async def check(self, topic: str) -> None:
        """Adapt to the topic's limits and refuse one that would lose data.

        Raises:
            BusError: the topic is compacted.
        """
        try:
            settings = await self._cluster.ask(
                f"look up the settings of {topic}", lambda client: _describe(client, topic)
            )
        except BusError as error:  # not everyone may look
            _log.info("%s", error)
            return
        if "compact" in settings.get("cleanup.policy", ""):
            raise BusError(
                f"cannot use topic {topic}: its cleanup.policy is "
                f"{settings['cleanup.policy']}, which removes telemetry; set it to delete"
            )
        limit = int(settings.get("max.message.bytes", 0)) - BATCH_ROOM
        if topic.endswith(DLQ_SUFFIX):
            self._check_dead_letters(topic, limit)
        elif 0 < limit < self.max_message_bytes:
            _log.warning(
                "topic %s takes messages of %d bytes, not %d: larger requests are split; "
                "raise its max.message.bytes or lower kafka_max_message_bytes",
                topic,
                limit,
                self.max_message_bytes,
            )
            self.max_message_bytes = limit

    def _check_dead_letters(self, topic: str, limit: int) -> None:
        """Warn of a limit that is too low; unlike that of other topics, it splits no request."""
        wanted = largest_message(topic, self._options.max_message_bytes)
        self._learnt[topic] = min(limit, wanted) if limit > 0 else wanted
        if 0 < limit < wanted:
            _log.warning(
                "topic %s takes messages of %d bytes, a dead letter may have %d; one that does not "
                "fit pauses its partition; raise its max.message.bytes to %d",
                topic,
                limit,
                wanted,
                wanted + BATCH_ROOM,
            )

    async def _create(self, topic: str, partitions: int) -> None:
        if not self._options.create_topics:
            raise BusError(
                f"cannot use topic {topic}: it does not exist, and kafka_create_topics is off; "
                f"{self._by_hand(topic, partitions)}"
            )

        async def make(client: AIOKafkaClient) -> None:
            request = CreateTopicsRequest(
                [
                    (
                        topic,
                        partitions,
                        self._options.replication_factor,
                        [],
                        list(self._settings(topic).items()),
                    )
                ],
                round(self._options.request_timeout_seconds * 1000),
                validate_only=False,
            )
            response = await client.send(_controller(client), request)
            for _, code, message in response.topic_errors:
                _check(code, message)

        await self._allowed(f"create topic {topic}", topic, partitions, make)
        # Until every node knows it, clients would be told that there is no such topic.
        await self._cluster.bounds(topic, range(partitions))

    async def _grow(self, topic: str, held: int, partitions: int) -> None:
        async def grow(client: AIOKafkaClient) -> None:
            request = CreatePartitionsRequest(
                [(topic, (partitions, None))],
                round(self._options.request_timeout_seconds * 1000),
                validate_only=False,
            )
            response = await client.send(_controller(client), request)
            for _, code, message in response.topic_errors:
                _check(code, message)

        if not self._options.create_topics:
            _log.warning("topic %s has %d partitions, not %d", topic, held, partitions)
            return
        await self._allowed(f"grow topic {topic}", topic, partitions, grow)
        await self._cluster.bounds(topic, range(partitions))

    async def _allowed(self, doing: str, topic: str, partitions: int, change: Any) -> None:
        async def attempt(client: AIOKafkaClient) -> str:
            try:
                await change(client)
            except errors.TopicAlreadyExistsError:
                return ""  # another process was quicker
            except _FORBIDDEN as error:
                return f"{type(error).__name__} {error}"
            return ""

        refused = await self._cluster.ask(doing, attempt)
        if refused:
            raise BusError(
                f"cannot {doing}: the cluster forbids it ({' '.join(refused.split())}); "
                f"{self._by_hand(topic, partitions)}"
            )

    def _settings(self, topic: str) -> Mapping[str, str]:
        dead = topic.endswith(DLQ_SUFFIX)
        seconds = (
            self._options.dead_letter_retention_seconds if dead else self._options.retention_seconds
        )
        return {
            "cleanup.policy": "delete",
            "retention.ms": str(round(seconds * 1000)),
            "max.message.bytes": str(
                largest_message(topic, self._options.max_message_bytes) + BATCH_ROOM
            ),
            # Ages and retention go by the broker's clock, not by those of the senders.
            "message.timestamp.type": "LogAppendTime",
        }

    def _by_hand(self, topic: str, partitions: int) -> str:
        settings = " ".join(
            f"--config {name}={value}" for name, value in self._settings(topic).items()
        )
        return (
            "have it made with: kafka-topics.sh --create "
            f"--topic {topic} --partitions {partitions} {settings}"
        )


async def _describe(client: AIOKafkaClient, topic: str) -> Mapping[str, str]:
    request = DescribeConfigsRequest([(_TOPIC_RESOURCE, topic, None)])
    response = await client.send(client.get_random_node(), request)
    settings: dict[str, str] = {}
    for code, message, _, _, entries in response.resources:
        _check(code, message)
        settings |= {name: value or "" for name, value, *_ in entries}
    return settings


def _controller(client: AIOKafkaClient) -> int:
    controller = client.cluster.controller
    if controller is None:
        raise errors.NotControllerError
    return int(controller.nodeId)


def _check(code: int, message: str | None) -> None:
    error = errors.for_code(code)
    if error is not errors.NoError:
        raise error(message or error.description)
