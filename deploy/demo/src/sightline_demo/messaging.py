"""Messages with context: the producer's trace and correlation id reach the consumer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import sightline
from sightline_demo.broker import Message, Publisher, subscribe

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Handler = Callable[[dict[str, Any]], Awaitable[None]]

RECONNECT_SECONDS = 0.5

log = sightline.get_logger()


async def send(publisher: Publisher, topic: str, body: dict[str, Any]) -> None:
    """Publish a message in a producer span."""
    described = _described(topic, "send", body)
    with sightline.span(f"send {topic}", described, kind="producer"):
        headers: dict[str, str] = {}
        sightline.inject(headers)
        await publisher.publish(Message(topic, headers, body))


async def consume(port: int, topic: str, handle: Handler) -> None:
    """Handle the messages of a topic for ever, each in a consumer span of its sender's trace.

    A message that cannot be handled is logged and left behind, so that it does not stop the rest.
    """
    while True:
        try:
            async for message in subscribe(port, topic):
                await _process(message, handle)
        except OSError:
            log.warning("broker is away", topic=topic)
        await asyncio.sleep(RECONNECT_SECONDS)


async def _process(message: Message, handle: Handler) -> None:
    described = _described(message.topic, "process", message.body)
    with sightline.extracted(message.headers):
        try:
            with sightline.span(f"process {message.topic}", described, kind="consumer"):
                await handle(message.body)
        except Exception:  # the boundary between the queue and any handler's bug
            log.exception("message not processed", topic=message.topic, **message.body)


def _described(topic: str, operation: str, body: dict[str, Any]) -> dict[str, object]:
    return {
        "messaging.system": "demo-broker",
        "messaging.destination.name": topic,
        "messaging.operation.type": operation,
        "messaging.operation.name": operation,
        "order_id": body["order_id"],
    }
