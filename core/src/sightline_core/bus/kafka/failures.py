"""What errors of aiokafka mean to a caller of the bus."""

from __future__ import annotations

import asyncio
from typing import Final

from aiokafka import errors

from sightline_core.errors import BusError, BusUnavailable, Fenced, MessageTooLarge

FAILURES: Final = (errors.KafkaError, OSError, TimeoutError, asyncio.TimeoutError)
"""What aiokafka raises when a cluster does not do as it is told."""

MOVED_ON: Final = (
    errors.UnknownMemberIdError,
    errors.IllegalGenerationError,
    errors.RebalanceInProgressError,
    errors.CommitFailedError,
)
"""The group has moved on without this member."""

_AUTHORIZATION: Final = {
    errors.TopicAuthorizationFailedError: "the topic",
    errors.GroupAuthorizationFailedError: "the consumer group",
    errors.ClusterAuthorizationFailedError: "the cluster",
    errors.TransactionalIdAuthorizationFailed: "the producer id",
}
_LASTING: Final = (
    errors.InvalidTopicError,
    errors.InvalidPartitionsError,
    errors.InvalidReplicationFactorError,
    errors.InvalidConfigurationError,
    errors.PolicyViolationError,
    errors.OffsetMetadataTooLargeError,
    errors.InvalidGroupIdError,
    errors.InvalidSessionTimeoutError,
    errors.UnsupportedVersionError,
)


def as_bus_error(error: Exception, doing: str) -> BusError:
    """Return the bus's error for one of Kafka's.

    Args:
        error: what was raised.
        doing: completes "cannot …".

    Returns:
        `BusUnavailable` for whatever may pass, access rights included: somebody may grant them,
        and until then the data stays where it is.
    """
    if isinstance(error, MOVED_ON):
        return Fenced(f"cannot {doing}: the group gave the partition to another member")
    if isinstance(error, errors.MessageSizeTooLargeError | errors.RecordListTooLargeError):
        return MessageTooLarge(f"cannot {doing}: Kafka finds it too large; split it")
    for kind, what in _AUTHORIZATION.items():
        if isinstance(error, kind):
            return BusUnavailable(
                f"cannot {doing}: Kafka does not allow this user to use {what}; "
                "have the access rule (ACL) granted, it is tried again"
            )
    if isinstance(error, errors.IncompatibleBrokerVersion | errors.UnrecognizedBrokerVersion):
        return BusError(f"cannot {doing}: the broker speaks no version in common: {_say(error)}")
    if isinstance(error, _LASTING):
        return BusError(f"cannot {doing}: {_say(error)}")
    return BusUnavailable(f"cannot {doing}: {_say(error)}")


def _say(error: Exception) -> str:
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return "Kafka did not answer in time"
    text = " ".join(str(error).split())
    name = type(error).__name__
    return text if name in text else f"{name}: {text}" if text else name
