"""SIGTERM ends a process without its exit handlers, and so without its last telemetry."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any

from sightline.runtime import current

if TYPE_CHECKING:
    from collections.abc import Callable


def close_on_sigterm() -> Callable[[], None]:
    """Close telemetry on SIGTERM before it ends the process; return what undoes it.

    Does nothing where somebody handles the signal already, or outside of the main thread. Servers
    that handle it themselves and raise it again when they are done (uvicorn) end up here.
    """
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    ):
        return lambda: None

    def end(number: int, _: Any) -> None:
        current.close()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def undo() -> None:
        in_main_thread = threading.current_thread() is threading.main_thread()
        if in_main_thread and signal.getsignal(signal.SIGTERM) is end:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    signal.signal(signal.SIGTERM, end)
    return undo
