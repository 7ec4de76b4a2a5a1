"""One statement under way: its answer as steps that threads of a pool take one after the other."""

from __future__ import annotations

import contextlib
import tempfile
from typing import IO, TYPE_CHECKING, Final

from sightline_core.clickhouse_http.engine import Summary
from sightline_core.clickhouse_http.refusal import NOT_ENOUGH_SPACE, Refusal

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path
    from typing import Any

    from sightline_core.clickhouse_http.engine import Engine, Job

IN_MEMORY_BYTES: Final = 16 << 20
_READ_BYTES: Final = 1 << 20


class Work:
    """The answer to a job; calls block, and only one may be under way."""

    def __init__(
        self, engine: Engine, job: Job, handle: Any, *, buffered: bool, directory: Path
    ) -> None:
        """Prepare; nothing runs before `first`.

        Args:
            engine: runs the job.
            job: what to do.
            handle: of a session, or None.
            buffered: whether the whole answer must be known first; it waits in `directory`.
            directory: for what does not fit into memory.
        """
        self.job = job
        self.summary = Summary()
        self._pieces: Generator[bytes, None, None] = engine.run(job, self.summary, handle)
        self._buffered = buffered and job.streams
        self._directory = directory
        self._kept: IO[bytes] | None = None

    def first(self) -> bytes:
        """Run the statement up to its first piece, or to its end when it is buffered.

        Raises:
            Refusal: the engine says no.
        """
        if not self._buffered:
            return next(self._pieces, b"")
        self._kept = tempfile.SpooledTemporaryFile(  # noqa: SIM115
            IN_MEMORY_BYTES, dir=str(self._directory)
        )
        try:
            for piece in self._pieces:
                self._kept.write(piece)
        except OSError as error:
            raise Refusal(NOT_ENOUGH_SPACE, f"cannot keep the answer: {error.strerror}") from error
        self._kept.seek(0)
        return self._kept.read(_READ_BYTES)

    def following(self) -> bytes | None:
        """Return the next piece, None after the last."""
        if self._kept is not None:
            return self._kept.read(_READ_BYTES) or None
        return next(self._pieces, None)

    def close(self) -> None:
        """Let go of the engine and of what is kept; what still runs is let go when it ends."""
        with contextlib.suppress(ValueError):
            self._pieces.close()
        if self._kept is not None:
            self._kept.close()
