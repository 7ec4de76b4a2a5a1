"""ASGI middleware of our own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from sightline import correlation
from sightline.propagation import HEADER

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class CorrelationResponse:
    """Tells the caller the correlation id, in the response header `x-correlation-id`."""

    def __init__(self, app: App) -> None:
        """Wrap an ASGI application."""
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        value = correlation.find()

        async def send_with_id(message: Message) -> None:
            if value is not None and message["type"] == "http.response.start":
                header = (HEADER.encode(), value.encode())
                message = {**message, "headers": [*message.get("headers", ()), header]}
            await send(message)

        await self._app(scope, receive, send_with_id)
