"""A message broker in a hundred lines: JSON lines over TCP, one queue a topic.

A message goes to one subscriber at a time and stays until it is acknowledged; when the subscriber
goes away first, the next one gets it. Messages are kept in memory, up to a limit a topic.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from sightline_demo.lifetime import run_until_signal

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from sightline_demo.addresses import Addresses

MAX_WAITING = 10_000
"""Messages of a topic that wait; publishing another one is refused."""


@dataclass(frozen=True)
class Message:
    """What travels: a body, and the headers that carry trace and correlation."""

    topic: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Topic:
    """Messages that wait for a subscriber."""

    waiting: deque[dict[str, Any]] = field(default_factory=deque)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)


class Broker:
    """Takes messages and hands them out."""

    def __init__(self) -> None:
        """Start without topics."""
        self._topics: defaultdict[str, Topic] = defaultdict(Topic)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection: a subscriber says so first, everybody else publishes."""
        with suppress(ConnectionError, ValueError, asyncio.CancelledError):  # it ends, or we do
            while line := await reader.readline():
                request = json.loads(line)
                if "subscribe" in request:
                    await self._hand_out(self._topics[request["subscribe"]], reader, writer)
                else:
                    await _send(writer, {"accepted": self._accept(request)})
        writer.close()

    def _accept(self, message: dict[str, Any]) -> bool:
        topic = self._topics[message["topic"]]
        if len(topic.waiting) >= MAX_WAITING:
            return False
        topic.waiting.append(message)
        topic.arrived.set()
        return True

    async def _hand_out(
        self, topic: Topic, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            while not topic.waiting:
                topic.arrived.clear()
                await topic.arrived.wait()
            message = topic.waiting.popleft()
            try:
                await _send(writer, message)
                acknowledged = await reader.readline()
            except ConnectionError:
                acknowledged = b""
            if not acknowledged:
                topic.waiting.appendleft(message)
                topic.arrived.set()
                return


class Publisher:
    """Publishes over one connection, made when first needed and again when it broke."""

    def __init__(self, port: int) -> None:
        """Publish to the broker at this port of loopback."""
        self._port = port
        self._turn = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def publish(self, message: Message) -> None:
        """Publish one message.

        Raises:
            ConnectionError: the broker is away, or has no room.
        """
        async with self._turn:
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = self._streams
            try:
                await _send(writer, asdict(message))
                answer = await reader.readline()
            except ConnectionError:
                self.close()
                raise
            if not answer:
                self.close()
        if not answer or not json.loads(answer)["accepted"]:
            raise ConnectionError(f"cannot publish to {message.topic}: the broker did not take it")

    def close(self) -> None:
        """Close the connection; publishing opens another one."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def subscribe(port: int, topic: str) -> AsyncGenerator[Message]:
    """Yield the messages of a topic; asking for the next one acknowledges the one before."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        await _send(writer, {"subscribe": topic})
        while line := await reader.readline():
            yield Message(**json.loads(line))
            await _send(writer, {"acknowledged": True})
    finally:
        writer.close()


def run(addresses: Addresses) -> None:
    """Serve the broker until a signal comes."""
    run_until_signal(_run(addresses))


async def _run(addresses: Addresses) -> None:
    server = await asyncio.start_server(Broker().serve, sock=addresses.sockets["broker"])
    await server.serve_forever()


async def _send(writer: asyncio.StreamWriter, message: dict[str, Any]) -> None:
    writer.write(json.dumps(message).encode() + b"\n")
    await writer.drain()
