"""Follows log files: whole lines, each once, through rotation, deletion and truncation.

A file is its device and inode, checked by a checksum of its first bytes, never its name. It stays
open until it is read to its end: a name taken away, or given to another file, loses nothing.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
import zlib
from dataclasses import dataclass, field
from glob import iglob
from typing import TYPE_CHECKING, Final, NamedTuple

from sightline_agent.spool import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

FINGERPRINT_BYTES: Final = 1024
READ_BYTES: Final = 1 << 20
MAX_LINE_BYTES: Final = 256 << 10
"""A longer line arrives in pieces of this size: nothing of it is lost."""
REST_SECONDS: Final = 5.0
"""How long a file that lost its name must stay still until it is closed."""
_BOM: Final = b"\xef\xbb\xbf"


class Read(NamedTuple):
    """Lines of one file, without their ends, and the checkpoint that says they are done with."""

    path: str
    lines: list[bytes]
    checkpoint: Checkpoint


@dataclass(slots=True)
class _Tailed:
    path: str
    descriptor: int
    device: int
    inode: int
    offset: int = 0
    fingerprint: int = 0
    fingerprint_bytes: int = 0
    named: bool = True
    still_since: float = field(default_factory=time.monotonic)

    def checkpoint(self, offset: int) -> Checkpoint:
        return Checkpoint(self.device, self.inode, self.fingerprint, self.fingerprint_bytes, offset)

    def is_same(self) -> bool:
        """Whether the bytes that were there first are still there."""
        head = os.pread(self.descriptor, self.fingerprint_bytes, 0)
        return len(head) == self.fingerprint_bytes and zlib.crc32(head) == self.fingerprint

    def learn(self, offset: int) -> None:
        """Take the fingerprint over what was read, as far as it goes."""
        wanted = min(FINGERPRINT_BYTES, offset)
        if wanted > self.fingerprint_bytes:
            head = os.pread(self.descriptor, wanted, 0)
            self.fingerprint, self.fingerprint_bytes = zlib.crc32(head), len(head)


class Tailer:
    """Reads files that match patterns.

    `read` proposes, `keep` agrees: a line is read again until `keep` was called with its
    checkpoint, so a spool without room costs nothing but time.

    Attributes:
        truncations: how often a file became shorter, or began anew under the same inode. What
            was not read of it by then is lost, and nobody can know how much it was.
    """

    def __init__(
        self,
        patterns: Sequence[str],
        checkpoints: Iterable[Checkpoint],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Follow what matches, from where the checkpoints say, other files from their start."""
        self.truncations = 0
        self._patterns = patterns
        self._clock = clock
        self._known = {(each.device, each.inode): each for each in checkpoints}
        self._files: dict[tuple[int, int], _Tailed] = {}

    @property
    def open_files(self) -> int:
        """Files that are followed now."""
        return len(self._files)

    def close(self) -> None:
        """Close all files."""
        for file in self._files.values():
            os.close(file.descriptor)
        self._files.clear()

    def look(self) -> None:
        """Find new files, and those that lost their names."""
        seen: set[tuple[int, int]] = set()
        for path in sorted({path for pattern in self._patterns for path in matches(pattern)}):
            with contextlib.suppress(OSError):  # gone, or not ours to read: the next look tells
                seen.add(self._found(path))
        for key, file in self._files.items():
            file.named = key in seen

    def read(self, max_bytes: int) -> Iterator[Read]:
        """Yield what is new, about `max_bytes` of it, at most one `Read` a file.

        Files take turns: whoever was read goes to the end of the queue.
        """
        for key, file in list(self._files.items()):
            if max_bytes <= 0:
                return
            size = os.fstat(file.descriptor).st_size
            if size < file.offset or not file.is_same():
                self.truncations += 1
                file.offset = file.fingerprint = file.fingerprint_bytes = 0
            data = os.pread(file.descriptor, READ_BYTES, file.offset)
            last = self._is_over(file) and file.offset + len(data) >= size
            lines, taken = _split(data, last=last)
            if taken:
                max_bytes -= taken
                file.learn(file.offset + taken)
                self._files[key] = self._files.pop(key)
                yield Read(file.path, lines, file.checkpoint(file.offset + taken))

    def keep(self, checkpoint: Checkpoint) -> None:
        """Go on behind this checkpoint, which is durable now."""
        file = self._files[checkpoint.device, checkpoint.inode]
        file.offset = checkpoint.offset
        file.still_since = self._clock()

    def close_finished(self) -> list[tuple[int, int]]:
        """Close files without a name that are read to the end.

        Returns device and inode of those that are gone for good: others may get a name again.
        """
        gone: list[tuple[int, int]] = []
        for key, file in list(self._files.items()):
            status = os.fstat(file.descriptor)
            if not self._is_over(file) or status.st_size > file.offset:
                continue
            os.close(self._files.pop(key).descriptor)
            if status.st_nlink:
                self._known[key] = file.checkpoint(file.offset)
            else:
                gone.append(key)
        return gone

    def _found(self, path: str) -> tuple[int, int]:
        status = os.stat(path)  # noqa: PTH116 - the hot path of a look
        key = (status.st_dev, status.st_ino)
        if not stat.S_ISREG(status.st_mode):
            return key
        if key in self._files:
            self._files[key].path = path
            return key
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        status = os.fstat(descriptor)  # the name may have changed hands since
        key = (status.st_dev, status.st_ino)
        if key in self._files:
            os.close(descriptor)
            return key
        file = _Tailed(path, descriptor, *key, still_since=self._clock())
        known = self._known.pop(key, None)
        if known is not None:
            file.fingerprint, file.fingerprint_bytes = known.fingerprint, known.fingerprint_bytes
            if status.st_size >= known.offset and file.is_same():
                file.offset = known.offset
            else:  # truncated while nobody looked, or another file with an inode used again
                self.truncations += 1
                file.fingerprint = file.fingerprint_bytes = 0
        self._files[key] = file
        return key

    def _is_over(self, file: _Tailed) -> bool:
        """Whether nothing will be added: no name, and still for a while."""
        return not file.named and self._clock() - file.still_since >= REST_SECONDS


def matches(pattern: str) -> Iterator[str]:
    """Return the paths that match an absolute pattern; `**` stands for any folders."""
    return iglob(pattern, recursive=True)  # noqa: PTH207 - patterns are absolute


def _split(data: bytes, *, last: bool) -> tuple[list[bytes], int]:
    """Return the lines in `data` and how many bytes they took; a last one without end if `last`."""
    taken = len(data) if last else data.rfind(b"\n") + 1
    if not taken and len(data) >= MAX_LINE_BYTES:
        return [data[:MAX_LINE_BYTES]], MAX_LINE_BYTES
    lines: list[bytes] = []
    for line in data[:taken].removeprefix(_BOM).split(b"\n"):
        whole = line.strip(b"\r\0")  # zeros: a hole that a truncation left to its writer
        if len(whole) <= MAX_LINE_BYTES:
            if whole:
                lines.append(whole)
            continue
        pieces = range(0, len(whole), MAX_LINE_BYTES)
        lines.extend(whole[at : at + MAX_LINE_BYTES] for at in pieces)
    return lines, taken
