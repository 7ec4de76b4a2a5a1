"""What `configure` set up: the one piece of state that the SDK keeps in a process."""

from __future__ import annotations

import atexit
import os
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from sightline.forks import close_in_workers, whole_over_forks
from sightline.redaction import standard

if TYPE_CHECKING:
    from collections.abc import Callable

    from sightline.otlp_logs import LogEmitter
    from sightline_redaction.redactor import Redactor

LEVELS: Final = {"trace": 1, "debug": 5, "info": 9, "warn": 13, "error": 17, "fatal": 21}
"""Level names with OpenTelemetry's severity numbers."""


@dataclass(frozen=True)
class Signal:
    """Traces, metrics or logs, while they are being sent."""

    flush: Callable[[], object]
    """Sends what is waiting."""
    close: Callable[[], object]
    """Sends what is waiting and stops; a provider that somebody else made only sends."""
    ours: tuple[object, ...] = ()
    """The provider, if we made it."""


class Closer:
    """Runs a closing function within a bounded time.

    In a thread that waits from the start, because a finalizing interpreter starts no new ones, and
    apart from the caller, because the exporters' own limits add up to more than an exit may take.
    """

    def __init__(self, close: Callable[[], None]) -> None:
        """Prepare to run `close` once."""
        self._close = close
        self._start()
        os.register_at_fork(after_in_child=self._start_again)

    def close(self, timeout: float) -> bool:
        """Close; return whether that was done within `timeout` seconds."""
        self._wanted.set()
        return self._done.wait(timeout)

    def _start_again(self) -> None:
        if not self._wanted.is_set():  # the thread that waits was left behind in the parent
            self._start()

    def _start(self) -> None:
        self._wanted = threading.Event()
        self._done = threading.Event()
        threading.Thread(target=self._run, name="sightline-close", daemon=True).start()

    def _run(self) -> None:
        self._wanted.wait()
        try:
            self._close()
        finally:
            self._done.set()


@dataclass(frozen=True)
class Runtime:
    """A configured SDK."""

    service: str | None = None
    threshold: int = LEVELS["info"]
    console: Literal["json", "pretty", "none"] = "json"
    """What lines on stdout look like; none writes none."""
    logs: LogEmitter | None = None
    """Takes records for OTLP; None sends none."""
    redactor: Callable[[], Redactor | None] = standard
    """Gives what redacts lines; a call, because before `configure` it is made when first needed."""
    closer: Closer | None = None
    flush: Callable[[], None] | None = None
    shutdown_timeout: float = 2.0
    undo: tuple[Callable[[], None], ...] = ()
    """What `close` must take back, such as the handler of the standard library's logging."""

    def close(self) -> bool:
        """Send what is waiting and stop; return whether all of it could be sent in time."""
        for step in self.undo:
            step()
        return self.closer.close(self.shutdown_timeout) if self.closer is not None else True


class Current:
    """Holds the runtime in force: an empty one until `configure` installs its own."""

    def __init__(self) -> None:
        """Start unconfigured."""
        self.runtime = Runtime()
        self.lock = whole_over_forks(threading.RLock())
        self.configured = False
        self.closed = False

    def install(self, runtime: Runtime) -> None:
        """Put a runtime in force, to be closed at exit."""
        self.runtime = runtime
        self.configured = True
        atexit.register(self.close)
        close_in_workers(self.close)

    def close(self) -> bool:
        """Close the runtime in force, once; lines still go to stdout."""
        with self.lock:
            self.closed = self.configured or self.closed
            closing = self.runtime
            self.runtime = replace(closing, logs=None, closer=None, flush=None, undo=())
            was_configured, self.configured = self.configured, False
        atexit.unregister(self.close)
        return closing.close() if was_configured else True


current: Final = Current()
