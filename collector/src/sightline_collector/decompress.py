"""Decompression that stops at a limit, however well the input was packed."""

from __future__ import annotations

import sys
import zlib
from typing import TYPE_CHECKING, Final, Protocol

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from sightline_collector.refusal import Reason, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STEP: Final = 1 << 20
"""Bytes produced at once: what one step may cost in memory and in time without a pause."""
MAX_MEMBERS: Final = 1024
"""Concatenated gzip members or zstd frames in one body."""

_GZIP, _ZLIB, _RAW = 31, 15, -15


class Decoder(Protocol):
    """Turns the chunks of a body into its content."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what `chunk` brings, in pieces of at most `STEP` bytes.

        Raises:
            Refusal: the data is damaged.
        """

    def finish(self) -> None:
        """Check that nothing is missing.

        Raises:
            Refusal: the body ends too early.
        """


def decoder(encoding: str, *, limit: int) -> Decoder:
    """Return the decoder of a `Content-Encoding`; `limit` is the largest content expected.

    Raises:
        Refusal: an encoding that is not supported.
    """
    makers: dict[str, Callable[[], Decoder]] = {
        "": Identity,
        "identity": Identity,
        "gzip": lambda: Packed("gzip", lambda _: _Inflate(_GZIP)),
        "x-gzip": lambda: Packed("gzip", lambda _: _Inflate(_GZIP)),
        "deflate": lambda: Packed("deflate", lambda head: _Inflate(_deflate_bits(head))),
        "zstd": lambda: Packed("zstd", lambda _: _Unzstd(limit)),
    }
    name = encoding.strip().lower()
    if name not in makers:
        raise Refusal(
            Reason.ENCODING,
            f"cannot read the request: Content-Encoding {encoding.strip()[:80]!r} is not "
            "supported; use gzip, deflate, zstd or identity",
        )
    return makers[name]()


class Identity:
    """A body that is not compressed."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the chunk itself."""
        yield chunk

    def finish(self) -> None:
        """Nothing can be missing."""


class _Stream(Protocol):
    """One gzip member, deflate stream or zstd frame."""

    def step(self, data: bytes) -> bytes:
        """Return up to `STEP` bytes; call with b"" for more while `more` is true."""

    @property
    def more(self) -> bool: ...
    @property
    def ended(self) -> bool: ...
    @property
    def unused(self) -> bytes: ...


class Packed:
    """A body of one or more compressed streams one after the other."""

    def __init__(self, name: str, open_stream: Callable[[bytes], _Stream]) -> None:
        """Decode streams that `open_stream` makes from their first bytes; `name` is for errors."""
        self._name = name
        self._open = open_stream
        self._stream: _Stream | None = None
        self._members = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what the chunk brings."""
        while chunk:
            if self._stream is None:
                self._members += 1
                if self._members > MAX_MEMBERS:
                    raise self._damaged(f"more than {MAX_MEMBERS} concatenated streams")
                self._stream = self._open(chunk)
            try:
                piece = self._stream.step(chunk)
                while piece or self._stream.more:
                    yield piece
                    piece = self._stream.step(b"") if self._stream.more else b""
            except (zlib.error, zstd.ZstdError) as error:
                raise self._damaged(str(error)) from error
            if not self._stream.ended:
                return
            chunk, self._stream = self._stream.unused, None

    def finish(self) -> None:
        """Check that the last stream is complete."""
        if self._stream is not None or not self._members:
            raise self._damaged("the body ends before the compressed stream does")

    def _damaged(self, why: str) -> Refusal:
        return Refusal(Reason.MALFORMED, f"cannot decompress the {self._name} body: {why}")


class _Inflate:
    def __init__(self, bits: int) -> None:
        self._zlib = zlib.decompressobj(bits)

    def step(self, data: bytes) -> bytes:
        return self._zlib.decompress(data or self._zlib.unconsumed_tail, STEP)

    @property
    def more(self) -> bool:
        return bool(self._zlib.unconsumed_tail) and not self._zlib.eof

    @property
    def ended(self) -> bool:
        return self._zlib.eof

    @property
    def unused(self) -> bytes:
        return self._zlib.unused_data


class _Unzstd:
    def __init__(self, limit: int) -> None:
        # The frame declares how much the decoder must remember; more than the largest content
        # is an attempt to make it allocate.
        window_log = max(23, (limit - 1).bit_length())
        options = {int(zstd.DecompressionParameter.window_log_max): window_log}
        self._zstd = zstd.ZstdDecompressor(options=options)

    def step(self, data: bytes) -> bytes:
        return self._zstd.decompress(data, STEP)

    @property
    def more(self) -> bool:
        return not self._zstd.needs_input and not self._zstd.eof

    @property
    def ended(self) -> bool:
        return self._zstd.eof

    @property
    def unused(self) -> bytes:
        return self._zstd.unused_data


def _deflate_bits(head: bytes) -> int:
    # HTTP's "deflate" is zlib's format, but some senders leave its two-byte header out.
    with_header = len(head) > 1 and head[0] & 0x0F == 8 and (head[0] << 8 | head[1]) % 31 == 0
    return _ZLIB if with_header else _RAW
