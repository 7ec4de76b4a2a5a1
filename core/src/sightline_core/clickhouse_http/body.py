"""A request body on its way into a file: never as a whole in memory, never beyond a limit."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sightline_core.clickhouse_http.encodings import Decoder
from sightline_core.clickhouse_http.refusal import (
    NOT_ENOUGH_SPACE,
    TOO_LARGE,
    Refusal,
)
from sightline_core.clickhouse_http.statement import MAX_STATEMENT_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from io import FileIO

    Receive = Callable[[], Awaitable[dict[str, Any]]]

_STALL_SECONDS: Final = 120
"""A client that sends nothing for so long has gone away."""


class Disconnected(Exception):  # noqa: N818 - nobody is told
    """The client hung up before it had sent everything."""


class Body:
    """The content of a request: what the URL says, then what the body says."""

    def __init__(self, receive: Receive, *, query: bytes, encoding: str, limit: int) -> None:
        """Read from `receive`; at most `limit` bytes of content.

        Raises:
            Refusal: an encoding that is not supported.
        """
        self._receive = receive
        self._decoder = Decoder(encoding) if encoding else None
        self._query = query
        self._limit = limit
        self._size = 0
        self._pieces = self._content()

    async def head(self) -> tuple[bytes, bool]:
        """Return the beginning, and whether it is all."""
        collected = bytearray(self._query)
        async for piece in self._pieces:
            if self._query and self._size == len(piece):
                collected += b"\n"
            collected += piece
            if len(collected) > MAX_STATEMENT_BYTES:
                return bytes(collected), False
        return bytes(collected), True

    async def spool(self, beginning: bytes, path: Path) -> None:
        """Write `beginning` and everything that follows to `path`.

        Raises:
            Refusal: too large, damaged, or no room for it.
        """
        loop = asyncio.get_running_loop()
        try:
            with path.open("wb", buffering=0) as file:
                _write(file, beginning)
                async for piece in self._pieces:
                    await loop.run_in_executor(None, _write, file, piece)
        except OSError as error:
            raise Refusal(
                NOT_ENOUGH_SPACE, f"cannot keep the body of the request: {error.strerror}"
            ) from error

    async def _content(self) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        async for chunk in self._chunks():
            if self._decoder is None:
                yield self._counted(chunk)
                continue
            pieces = self._decoder.feed(chunk)
            while (piece := await loop.run_in_executor(None, _following, pieces)) is not None:
                if piece:
                    yield self._counted(piece)
        if self._decoder is not None:
            self._decoder.finish()

    async def _chunks(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            try:
                message = await asyncio.wait_for(self._receive(), _STALL_SECONDS)
            except TimeoutError:
                raise Disconnected from None
            if message["type"] == "http.disconnect":
                raise Disconnected
            more = message.get("more_body", False)
            if chunk := message.get("body", b""):
                yield chunk

    def _counted(self, piece: bytes) -> bytes:
        self._size += len(piece)
        if self._size > self._limit:
            raise Refusal(TOO_LARGE, f"cannot take the body: it is larger than {self._limit} bytes")
        return piece


def _write(file: FileIO, piece: bytes) -> None:
    """Write all of `piece`: on a disk that fills up, the system takes a part of it and says so."""
    rest = memoryview(piece)
    while rest:
        rest = rest[file.write(rest) :]


def _following(pieces: Iterator[bytes]) -> bytes | None:
    return next(pieces, None)


class Room:
    """A directory for files that live as long as a request."""

    def __init__(self, directory: Path) -> None:
        """Use `directory`; what a killed process left there is removed."""
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        for left in directory.glob("sightline-*"):
            left.unlink(missing_ok=True)

    @contextlib.contextmanager
    def file(self) -> Iterator[Path]:
        """Lend the path of a new file; it is removed afterwards."""
        with tempfile.NamedTemporaryFile(
            prefix="sightline-", dir=self.directory, delete=False
        ) as made:
            path = Path(made.name)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)
