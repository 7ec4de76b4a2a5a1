"""What every HTTP server of ours refuses before it reaches an application."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sightline_core.serving import MAX_HEAD_BYTES, HttpServer, Port

PIECE = 8 << 10


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


async def answer(pieces: list[bytes]) -> bytes:
    """Send pieces one read apart until the server answers or hangs up."""
    listener = Port("127.0.0.1", 0, "a test", "").bind()
    server = HttpServer(app, listener, stop_seconds=1)
    await server.start()
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    said = b""
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        writer.write(b"\r\n\r\n")
        said = await asyncio.wait_for(reader.readuntil(b"\r\n"), 20)
    except (ConnectionError, asyncio.IncompleteReadError):
        said = b"hung up"
    finally:
        writer.close()
        await server.stop()
    return said


async def test_a_head_within_the_bound_is_served() -> None:
    head = [b"GET / HTTP/1.1\r\nHost: x", b"\r\nx: " + b"y" * (MAX_HEAD_BYTES // 2)]
    assert b" 200 " in await answer(head)


@pytest.mark.parametrize(
    "pieces",
    [
        [b"GET / HTTP/1.1\r\nx: ", *[b"y" * PIECE] * 64],
        [b"GET /", *[b"y" * PIECE] * 64, b" HTTP/1.1"],
        [b"GET / HTTP/1.1", *[b"\r\nx: " + b"y" * PIECE] * 64],
        [b"GET / HTTP/1.1", *[b"\r\nx: y" * 500] * 64],
    ],
    ids=["one header", "url", "large headers", "many headers"],
)
async def test_a_head_beyond_the_bound_is_refused(pieces: list[bytes]) -> None:
    assert b" 400 " in (said := await answer(pieces)) or said == b"hung up"
