"""The structlog logger that `get_logger` returns."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any, Final, cast

import structlog

from sightline import lines
from sightline.attributes import text
from sightline.failures import describe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from structlog.typing import ExcInfo, Processor

_log = logging.getLogger(__name__)
_PROCESSORS: Final[list[Processor]] = [structlog.contextvars.merge_contextvars]


class Logger(structlog.BoundLoggerBase):
    """Logs events with fields: `log.info("card charged", order_id=1)`.

    A structlog bound logger: `bind`, `unbind` and `new` return loggers with other fields, and
    values of `structlog.contextvars` are included. `exc_info=True` or an exception as `exc_info`
    adds `exception.type`, `exception.message` and `exception.stacktrace`.
    """

    def trace(self, event: str, /, *args: object, **fields: object) -> None:
        """Log the finest detail."""
        self._send("trace", event, args, fields)

    def debug(self, event: str, /, *args: object, **fields: object) -> None:
        """Log what helps to find an error."""
        self._send("debug", event, args, fields)

    def info(self, event: str, /, *args: object, **fields: object) -> None:
        """Log what happened as it should."""
        self._send("info", event, args, fields)

    def warn(self, event: str, /, *args: object, **fields: object) -> None:
        """Log what should not happen, but did no harm."""
        self._send("warn", event, args, fields)

    def error(self, event: str, /, *args: object, **fields: object) -> None:
        """Log what failed."""
        self._send("error", event, args, fields)

    def exception(self, event: str, /, *args: object, **fields: object) -> None:
        """Log what failed, with the exception that is being handled."""
        self._send("error", event, args, {"exc_info": True, **fields})

    def fatal(self, event: str, /, *args: object, **fields: object) -> None:
        """Log what ends the process."""
        self._send("fatal", event, args, fields)

    warning = warn
    critical = fatal

    def _send(
        self, level: str, event: str, args: tuple[object, ...], fields: dict[str, Any]
    ) -> None:
        if not lines.enabled(level):
            return
        frame = sys._getframe(2)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        try:
            self._emit(level, event % args if args else event, fields, frame)
        except Exception:  # noqa: BLE001 - a line that cannot be logged must not stop its caller
            _log.warning("cannot log %s: ", text(event), exc_info=True)

    def _emit(self, level: str, event: str, fields: dict[str, Any], frame: Any) -> None:
        named: Any
        values: dict[str, Any] = {**self._context, **fields}
        for process in self._processors:
            named = process(self._logger, level, values)
            values = dict(named)
        error = _error(values.pop("exc_info", None))
        values |= lines.code_fields(frame.f_code, frame.f_lineno)
        if error is not None:
            values |= describe(error)
        lines.emit(self._logger, level, event, values)


def make_logger(name: str, fields: Mapping[str, object]) -> Logger:
    """Return a logger of this name with these fields bound."""
    return Logger(name, _PROCESSORS, dict(fields))


def _error(exc_info: Any) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return cast("ExcInfo", exc_info)[1]
    return sys.exc_info()[1] if exc_info else None
