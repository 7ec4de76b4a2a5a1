"""Connecting, with a reason when it fails: aiokafka itself only says that it could not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiokafka import errors
from aiokafka.conn import collect_hosts, create_conn

from sightline_core.bus.kafka.failures import FAILURES

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from sightline_core.bus.kafka.options import KafkaOptions


async def connect(starting: Awaitable[None], options: KafkaOptions) -> None:
    """Await the start of a client of aiokafka.

    Raises:
        KafkaError, OSError, TimeoutError: why the first broker cannot be used, where that can be
            found out.
    """
    try:
        await starting
    except errors.KafkaConnectionError as error:
        reason = await _reason(options)
        if reason is None:
            raise
        raise reason from error


async def _reason(options: KafkaOptions) -> Exception | None:
    for host, port, _ in collect_hosts(options.bootstrap_servers):
        try:
            connection = await create_conn(
                host,
                port,
                client_id=options.client_id,
                request_timeout_ms=round(options.request_timeout_seconds * 1000),
                **options.security.client(),
            )
        except FAILURES as error:
            return error
        connection.close()
    return None
