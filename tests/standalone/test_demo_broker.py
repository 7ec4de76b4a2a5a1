"""The demo's broker: messages stay until they are acknowledged, and room is limited."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from sightline_demo import broker
from sightline_demo.broker import Broker, Message, Publisher, subscribe

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


@asynccontextmanager
async def running() -> AsyncGenerator[int]:
    """Yield the port of a broker."""
    server = await asyncio.start_server(Broker().serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


def message(number: int) -> Message:
    return Message("orders", {"x-correlation-id": f"c-{number}"}, {"order_id": number})


async def test_messages_arrive_in_order_with_their_headers() -> None:
    async with running() as port:
        publisher = Publisher(port)
        for number in range(3):
            await publisher.publish(message(number))
        subscription = subscribe(port, "orders")

        assert [await anext(subscription) for _ in range(3)] == [message(n) for n in range(3)]
        await subscription.aclose()
        publisher.close()


async def test_a_message_that_was_not_acknowledged_goes_to_the_next_subscriber() -> None:
    async with running() as port:
        publisher = Publisher(port)
        await publisher.publish(message(1))
        first = subscribe(port, "orders")
        assert await anext(first) == message(1)
        await first.aclose()

        second = subscribe(port, "orders")
        assert await anext(second) == message(1)
        await second.aclose()
        publisher.close()


async def test_a_full_topic_refuses_another_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "MAX_WAITING", 2)
    async with running() as port:
        publisher = Publisher(port)
        await publisher.publish(message(1))
        await publisher.publish(message(2))

        with pytest.raises(ConnectionError, match="cannot publish to orders"):
            await publisher.publish(message(3))
        publisher.close()


async def test_a_publisher_connects_again_when_the_broker_was_away() -> None:
    async with running() as port:
        publisher = Publisher(port)
        await publisher.publish(message(1))
        publisher.close()
        with suppress(ConnectionError):
            await publisher.publish(message(2))
        await publisher.publish(message(3))

        subscription = subscribe(port, "orders")
        assert await anext(subscription) == message(1)
        await subscription.aclose()
        publisher.close()
