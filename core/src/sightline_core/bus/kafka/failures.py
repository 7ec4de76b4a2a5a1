"""What errors of aiokafka mean to a caller of the bus."""

from __future__ import annotations

import asyncio
import ssl
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

_GRANT: Final = "; have the access rule (ACL) granted, it is tried again"
_MEANINGS: Final[tuple[tuple[tuple[type[Exception], ...], type[BusError], str], ...]] = (
    (MOVED_ON, Fenced, "the group gave the partition to another member"),
    (
        (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError),
        MessageTooLarge,
        "Kafka finds it too large; split it",
    ),
    (
        (errors.TopicAuthorizationFailedError,),
        BusUnavailable,
        f"Kafka does not allow this user to use the topic{_GRANT}",
    ),
    (
        (errors.GroupAuthorizationFailedError,),
        BusUnavailable,
        f"Kafka does not allow this user to use the consumer group{_GRANT}",
    ),
    (
        (errors.ClusterAuthorizationFailedError, errors.TransactionalIdAuthorizationFailed),
        BusUnavailable,
        f"Kafka does not allow this user to use the cluster{_GRANT}",
    ),
    (
        (errors.SaslAuthenticationFailed, errors.AuthenticationFailedError),
        BusUnavailable,
        "Kafka refuses the user or the password (kafka_sasl_username, kafka_sasl_password): {}",
    ),
    (
        (ssl.SSLError,),
        BusUnavailable,
        "no TLS with Kafka (kafka_ssl_ca_file, kafka_ssl_cert_file): {}",
    ),
    (
        (errors.IncompatibleBrokerVersion, errors.UnrecognizedBrokerVersion),
        BusError,
        "the broker speaks no protocol version in common: {}",
    ),
    (
        (
            errors.InvalidTopicError,
            errors.InvalidPartitionsError,
            errors.InvalidReplicationFactorError,
            errors.InvalidConfigurationError,
            errors.PolicyViolationError,
            errors.OffsetMetadataTooLargeError,
            errors.InvalidGroupIdError,
            errors.InvalidSessionTimeoutError,
            errors.UnsupportedVersionError,
        ),
        BusError,
        "{}",
    ),
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
    for kinds, meaning, why in _MEANINGS:
        if isinstance(error, kinds):
            return meaning(f"cannot {doing}: {why.format(_say(error))}")
    return BusUnavailable(f"cannot {doing}: {_say(error)}")


def _say(error: Exception) -> str:
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return "Kafka did not answer in time"
    text = " ".join(str(error).split())
    name = type(error).__name__
    return text if name in text else f"{name}: {text}" if text else name
