"""The standard library's logging, sent the same way as our own."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Final

from sightline import lines
from sightline.attributes import text
from sightline.failures import describe

if TYPE_CHECKING:
    from collections.abc import Callable

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_PYTHON_LEVELS: Final = {1: 5, 5: 10, 9: 20, 13: 30, 17: 40, 21: 50}


class LoggingHandler(logging.Handler):
    """Takes records of `logging`; `extra` values become fields."""

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record; a record that cannot be sent is reported the way `logging` does."""
        try:
            lines.emit(
                record.name,
                level_name(record.levelno),
                record.getMessage(),
                _fields(record),
                int(record.created * 1e9),
            )
        except Exception:  # noqa: BLE001 - the handler's contract: nothing leaves `emit`
            self.handleError(record)


def capture_logging(threshold: int) -> Callable[[], None]:
    """Send the root logger's records our way from `threshold` on, and what `warnings` warns of.

    Returns what undoes it.
    """
    root = logging.getLogger()
    handler = LoggingHandler()
    before = root.level
    root.addHandler(handler)
    if before == logging.WARNING:  # the default: nobody chose it
        root.setLevel(_PYTHON_LEVELS[threshold])

    shown_by = warnings.showwarning
    logging.captureWarnings(capture=True)
    captured_before = warnings.showwarning is shown_by

    def undo() -> None:
        if not captured_before:
            logging.captureWarnings(capture=False)
        root.removeHandler(handler)
        root.setLevel(before)

    return undo


def level_name(number: int) -> str:
    """Return our name of a level of `logging`, rounded down."""
    for bound, name in ((50, "fatal"), (40, "error"), (30, "warn"), (20, "info"), (10, "debug")):
        if number >= bound:
            return name
    return "trace"


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields: dict[str, object] = {
        "code.file.path": record.pathname,
        "code.line.number": record.lineno,
        "code.function.name": record.funcName,
    }
    fields |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
    if record.exc_info and record.exc_info[1] is not None:
        fields |= describe(record.exc_info[1])
    if record.stack_info:
        fields["code.stacktrace"] = text(record.stack_info)
    return fields
