"""A TCP proxy whose connections can be cut and slowed."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Final, Self

from tests.broker.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Callable

PIECE_BYTES: Final = 16 << 10


class Proxy:
    """Passes bytes between its port and a target, on a thread of its own."""

    def __init__(self) -> None:
        """Choose the port; `aim` says where it leads."""
        [self.port] = free_ports(1)
        self._target = ("127.0.0.1", 0)
        self._cut = False
        self._bytes_per_second = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self.passed_bytes = 0

    def aim(self, host: str, port: int) -> None:
        """Lead new connections there."""
        self._target = (host, port)

    def cut(self) -> None:
        """Reset all connections, in the middle of whatever they carry, and every new one."""
        self._cut = True
        self._do(self._abort)

    def slow(self, bytes_per_second: int) -> None:
        """Pass no more than this per connection and direction."""
        self._bytes_per_second = bytes_per_second

    def mend(self) -> None:
        """Pass everything at once again."""
        self._cut = False
        self._bytes_per_second = 0

    def __enter__(self) -> Self:
        """Listen until the block ends."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, action: Callable[[], None]) -> None:
        done = threading.Event()

        def act() -> None:
            action()
            done.set()

        self._loop.call_soon_threadsafe(act)
        done.wait()

    def _abort(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        self._abort()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._cut:
                raise ConnectionResetError
            there = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        for pump in (self._pump(reader, there[1]), self._pump(there[0], writer)):
            task = asyncio.create_task(pump)
            self._pumps.add(task)
            task.add_done_callback(self._pumps.discard)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            with contextlib.suppress(OSError):
                while piece := await reader.read(PIECE_BYTES):
                    if self._bytes_per_second:
                        await asyncio.sleep(len(piece) / self._bytes_per_second)
                    writer.write(piece)
                    await writer.drain()
                    self.passed_bytes += len(piece)
        finally:
            self._writers.discard(writer)
            writer.close()
