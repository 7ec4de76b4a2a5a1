"""Compression of request and answer bodies, in steps of bounded size."""

from __future__ import annotations

import sys
import zlib
from typing import TYPE_CHECKING, Any, Final, Protocol

import lz4.frame  # type: ignore[import-untyped]

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from sightline_core.clickhouse_http.refusal import BAD_ARGUMENTS, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STEP: Final = 1 << 20
"""Bytes that one step of decompression yields at most."""
_MAX_WINDOW_LOG: Final = 27  # 128 MiB: what a zstd frame may ask us to remember
_GZIP, _ZLIB = 31, 15


class Encoder(Protocol):
    """Compresses an answer piece by piece."""

    def encode(self, piece: bytes) -> bytes:
        """Return what is ready after `piece`; may be nothing."""

    def finish(self) -> bytes:
        """Return the rest."""


class _Zlib:
    def __init__(self, bits: int) -> None:
        self._zlib = zlib.compressobj(3, wbits=bits)

    def encode(self, piece: bytes) -> bytes:
        return self._zlib.compress(piece)

    def finish(self) -> bytes:
        return self._zlib.flush()


class _Zstd:
    def __init__(self) -> None:
        self._zstd = zstd.ZstdCompressor(level=1)

    def encode(self, piece: bytes) -> bytes:
        return self._zstd.compress(piece)

    def finish(self) -> bytes:
        return self._zstd.flush()


class _Lz4:
    def __init__(self) -> None:
        self._lz4 = lz4.frame.LZ4FrameCompressor()
        self._begun = False

    def encode(self, piece: bytes) -> bytes:
        head = b"" if self._begun else self._lz4.begin()
        self._begun = True
        return bytes(head + self._lz4.compress(piece))

    def finish(self) -> bytes:
        head = b"" if self._begun else self._lz4.begin()
        return bytes(head + self._lz4.flush())


ENCODERS: Final[dict[str, Callable[[], Encoder]]] = {
    "zstd": _Zstd,
    "lz4": _Lz4,
    "gzip": lambda: _Zlib(_GZIP),
    "deflate": lambda: _Zlib(_ZLIB),
}


def accepted_encoding(header: str) -> str:
    """Return the first of ours that `Accept-Encoding` allows; empty for none."""
    allowed = set()
    for item in header.lower().split(","):
        name, _, weight = item.partition(";")
        if weight.strip().replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}:
            allowed.add(name.strip())
    return next((name for name in ENCODERS if name in allowed), "")


class Decoder:
    """Decompresses a body; several streams one after the other are one body."""

    def __init__(self, encoding: str) -> None:
        """Prepare for a `Content-Encoding`.

        Raises:
            Refusal: it is not supported.
        """
        openers: dict[str, Callable[[], Any]] = {
            "gzip": lambda: _Inflater(_GZIP),
            "x-gzip": lambda: _Inflater(_GZIP),
            "deflate": lambda: _Inflater(_ZLIB),
            "zstd": lambda: zstd.ZstdDecompressor(
                options={int(zstd.DecompressionParameter.window_log_max): _MAX_WINDOW_LOG}
            ),
            "lz4": lz4.frame.LZ4FrameDecompressor,
        }
        if encoding not in openers:
            raise Refusal(
                BAD_ARGUMENTS,
                f"cannot read the body: Content-Encoding {encoding[:40]!r} is not supported; "
                "use zstd, lz4, gzip or deflate",
            )
        self._name = encoding
        self._open = openers[encoding]
        self._stream: Any = None

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what `chunk` brings, at most `STEP` bytes at once.

        Raises:
            Refusal: the data are damaged.
        """
        while chunk:
            if self._stream is None:
                self._stream = self._open()
            try:
                yield self._stream.decompress(chunk, STEP)
                while not self._stream.eof and not self._stream.needs_input:
                    yield self._stream.decompress(b"", STEP)
            except (zlib.error, zstd.ZstdError, RuntimeError, EOFError) as error:
                raise self._damaged(str(error)) from error
            if not self._stream.eof:
                return
            chunk, self._stream = self._stream.unused_data or b"", None

    def finish(self) -> None:
        """Check that the last stream is complete.

        Raises:
            Refusal: it is cut off.
        """
        if self._stream is not None:
            raise self._damaged("the stream has no end")

    def _damaged(self, why: str) -> Refusal:
        return Refusal(BAD_ARGUMENTS, f"cannot decompress the {self._name} body: {why}")


class _Inflater:
    """zlib with the manners of the others."""

    def __init__(self, bits: int) -> None:
        self._zlib = zlib.decompressobj(bits)

    def decompress(self, data: bytes, most: int) -> bytes:
        return self._zlib.decompress(data or self._zlib.unconsumed_tail, most)

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        return not self._zlib.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data
