"""Connecting, with what aiokafka lacks: a reason when it fails, and patience."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from aiokafka import errors
from aiokafka.conn import collect_hosts, create_conn

from sightline_core.bus.kafka.failures import FAILURES

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from aiokafka.client import AIOKafkaClient

    from sightline_core.bus.kafka.options import KafkaOptions

_METADATA_SPACING_SECONDS: Final = 0.1


def spare(client: AIOKafkaClient) -> None:
    """Let a client ask for metadata ten times a second at most.

    While a partition has no leader, aiokafka's producers and fetchers ask as fast as brokers
    answer, thousands of times a second.
    """
    update = client._metadata_update  # noqa: SLF001 - the one place that all of them go through
    loop = asyncio.get_running_loop()
    earliest = 0.0

    async def spaced(*arguments: Any) -> Any:
        nonlocal earliest
        await asyncio.sleep(max(0.0, earliest - loop.time()))
        earliest = loop.time() + _METADATA_SPACING_SECONDS
        return await update(*arguments)

    client._metadata_update = spaced  # noqa: SLF001


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
