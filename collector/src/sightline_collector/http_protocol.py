"""The HTTP parser with a bound that uvicorn's has not: how much a request may say before its body.

Without it, uvicorn with httptools keeps headers, URL and trailers of any size in memory.
"""

from __future__ import annotations

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES: Final = 64 << 10
"""Request line and headers, and once more trailers."""
_PER_FIELD: Final = 64
"""What a header costs besides its characters."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """Answers 400 and hangs up when a request's head exceeds `MAX_HEAD_BYTES`.

    A head that comes in one piece with what precedes it may be larger by one read (256 KiB).
    """

    _unfinished_head = 0
    _fields = 0
    _in_head = False

    def on_message_begin(self) -> None:
        """Start counting."""
        super().on_message_begin()
        self._unfinished_head = self._fields = 0
        self._in_head = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a complete header or trailer.

        Raises:
            ValueError: too many; the parser turns it into a parse error.
        """
        self._fields += len(name) + len(value) + _PER_FIELD
        if self._fields > MAX_HEAD_BYTES:
            raise ValueError("too many headers")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Stop counting: what follows is the body."""
        self._in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Feed the parser; count what it keeps of a head that has no end yet."""
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._unfinished_head += len(data)
            if self._unfinished_head > MAX_HEAD_BYTES:
                self.send_400_response("Request head too large.")
