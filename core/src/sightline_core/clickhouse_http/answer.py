"""Sending an answer: its headers, its pieces, and what to do when it fails half way."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from sightline_core.clickhouse_http.encodings import ENCODERS, accepted_encoding

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sightline_core.clickhouse_http.refusal import Refusal

    Send = Callable[[dict[str, Any]], Awaitable[None]]

TEXT: Final = "text/plain; charset=UTF-8"
_TYPES: Final = {
    "tabseparated": "text/tab-separated-values; charset=UTF-8",
    "tsv": "text/tab-separated-values; charset=UTF-8",
    "csv": "text/csv; charset=UTF-8; header=absent",
    "csvwithnames": "text/csv; charset=UTF-8; header=present",
    "json": "application/json; charset=UTF-8",
    "jsoncompact": "application/json; charset=UTF-8",
    "jsonstrings": "application/json; charset=UTF-8",
    "jsoneachrow": "application/x-ndjson; charset=UTF-8",
    "xml": "application/xml; charset=UTF-8",
    "native": "application/octet-stream",
    "rowbinary": "application/octet-stream",
    "rowbinarywithnamesandtypes": "application/octet-stream",
    "parquet": "application/octet-stream",
    "arrow": "application/octet-stream",
    "arrowstream": "application/octet-stream",
}

Header = tuple[bytes, bytes]


class Answer:
    """One answer, sent piece by piece and compressed on the way."""

    def __init__(self, send: Send, common: Sequence[Header], *, head: bool = False) -> None:
        """Send through `send`, always with the `common` headers; `head` asks for headers only."""
        self._send = send
        self._common = list(common)
        self._head = head
        self._tag = secrets.token_hex(8)
        self._encoder: Any = None
        self.begun = False

    def also(self, name: bytes, value: bytes) -> None:
        """Send this header too."""
        self._common.append((name, value))

    async def begin(self, kind: str, summary: bytes, accept: str) -> None:
        """Send status 200 and the headers.

        Args:
            kind: the format, as the statement or the request names it.
            summary: of the work.
            accept: what compression the client takes.
        """
        encoding = accepted_encoding(accept)
        headers = [
            (b"content-type", _TYPES.get(kind.lower(), TEXT).encode()),
            (b"x-clickhouse-format", kind.encode()),
            (b"x-clickhouse-summary", summary),
            (b"x-clickhouse-exception-tag", self._tag.encode()),
        ]
        if encoding:
            headers.append((b"content-encoding", encoding.encode()))
            self._encoder = ENCODERS[encoding]()
        self.begun = True
        await self._start(200, headers)

    async def piece(self, data: bytes) -> None:
        """Send a piece."""
        if self._encoder is not None:
            data = self._encoder.encode(data)
        if data and not self._head:
            await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self) -> None:
        """Send what the compression still holds, and the end; or an answer without a result."""
        if not self.begun:
            await self.text(200, "")
            return
        data = b"" if self._encoder is None else self._encoder.finish()
        await self._send({"type": "http.response.body", "body": b"" if self._head else data})

    async def text(self, status: int, text: str, headers: Sequence[Header] = ()) -> None:
        """Send a whole answer in words."""
        await self._start(status, [(b"content-type", TEXT.encode()), *headers])
        body = b"" if self._head else text.encode("utf-8", "replace")
        await self._send({"type": "http.response.body", "body": body})

    async def refuse(self, refusal: Refusal) -> None:
        """Answer with an error; after the beginning of an answer, break it off behind the error.

        The client finds the error between its marks, and that the answer has no proper end.
        """
        if not self.begun:
            code = str(refusal.code).encode()
            await self.text(
                refusal.status, refusal.text + "\n", [(b"x-clickhouse-exception-code", code)]
            )
            return
        words = refusal.text + "\n"
        size = len(words.encode())
        block = (
            f"\r\n__exception__\r\n{self._tag}\r\n{words}{size} {self._tag}\r\n__exception__\r\n"
        )
        await self.piece(block.encode())
        if self._encoder is not None and (rest := self._encoder.finish()):
            await self._send({"type": "http.response.body", "body": rest, "more_body": True})

    async def _start(self, status: int, headers: Sequence[Header]) -> None:
        await self._send(
            {"type": "http.response.start", "status": status, "headers": [*self._common, *headers]}
        )
