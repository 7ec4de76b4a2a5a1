"""Commits that show who commits.

aiokafka commits in the name of whatever membership it has when the request leaves. After it was
thrown out of the group that is "nobody, generation -1", which the broker takes gladly when the
group happens to be empty, and a stalled member would set the group's progress back. So commits are
made here, in the name of the membership under which the partitions were assigned.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from aiokafka import errors
from aiokafka.protocol.commit import OffsetCommitRequest

from sightline_core.bus.kafka.failures import FAILURES, as_bus_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiokafka import AIOKafkaConsumer

    from sightline_core.bus.kafka.membership import Membership
    from sightline_core.bus.kafka.options import KafkaOptions
    from sightline_core.bus.protocol import Committed, TopicPartition

_BACKOFF_SECONDS: Final = 0.1
_NEW_COORDINATOR: Final = (
    errors.GroupCoordinatorNotAvailableError,
    errors.NotCoordinatorForGroupError,
    errors.RequestTimedOutError,
)
_AGAIN: Final = (
    *_NEW_COORDINATOR,
    errors.GroupLoadInProgressError,
    errors.NodeNotReadyError,
    errors.KafkaConnectionError,
    errors.StaleMetadata,
)


async def commit(
    client: AIOKafkaConsumer,
    group: str,
    membership: Membership,
    offsets: Mapping[TopicPartition, Committed],
    options: KafkaOptions,
) -> None:
    """Store progress; return when the group's coordinator has it on all in-sync replicas.

    Raises:
        Fenced: the group has moved on since the partitions were assigned.
        BusUnavailable: not stored, or unknown.
        BusError: the metadata is longer than the broker takes (4096 bytes unless set otherwise).
    """
    names = ", ".join(f"{topic}-{number}" for topic, number in sorted(offsets))
    doing = f"commit {names} for group {group}"
    request = _request(group, membership, offsets)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + options.request_timeout_seconds
    coordinator = client._coordinator  # noqa: SLF001 - it knows the node
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                await coordinator.ensure_coordinator_known()
                _check(await coordinator._send_req(request))  # noqa: SLF001 - no public way
        except FAILURES as error:
            if isinstance(error, _NEW_COORDINATOR):
                coordinator.coordinator_dead()
            if not isinstance(error, _AGAIN) or loop.time() + _BACKOFF_SECONDS > deadline:
                raise as_bus_error(error, doing) from error
        else:
            return
        await asyncio.sleep(_BACKOFF_SECONDS)


def _request(
    group: str, membership: Membership, offsets: Mapping[TopicPartition, Committed]
) -> OffsetCommitRequest:
    topics: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for (topic, number), progress in offsets.items():
        topics[topic].append((number, progress.offset, progress.metadata))
    return OffsetCommitRequest(
        group,
        membership.generation,
        membership.member_id,
        OffsetCommitRequest.DEFAULT_RETENTION_TIME,
        list(topics.items()),
    )


def _check(response: Any) -> None:
    for _, partitions in response.topics:
        for _, code in partitions:
            error = errors.for_code(code)
            if error is not errors.NoError:
                raise error
