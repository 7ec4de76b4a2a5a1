"""From a logging call to a record: who, when, where, in which trace; then stdout and OTLP."""

from __future__ import annotations

import json
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from opentelemetry import context, trace
from opentelemetry.context import (
    _SUPPRESS_INSTRUMENTATION_KEY,  # pyright: ignore[reportPrivateUsage]  # it has no public name
)

from sightline import correlation
from sightline.attributes import text
from sightline.forks import whole_over_forks
from sightline.runtime import LEVELS, current

if TYPE_CHECKING:
    from types import CodeType

    from sightline.runtime import Runtime

LEADING: Final = ("timestamp", "level", "event", "service", "logger", "trace_id", "span_id")

_write_lock: Final = whole_over_forks(threading.RLock())


def enabled(level: str) -> bool:
    """Tell whether a line of this level is made."""
    return LEVELS[level] >= current.runtime.threshold


def code_fields(code: CodeType, line: int) -> dict[str, object]:
    """Return the code location (semantic conventions, code attributes)."""
    return {
        "code.file.path": code.co_filename,
        "code.line.number": line,
        "code.function.name": code.co_name,
    }


def emit(
    logger: str, level: str, event: object, fields: dict[str, object], time_ns: int = 0
) -> None:
    """Send one line both ways; an exporter's own complaint to stdout only, its chatter nowhere.

    Args:
        logger: name of the logger.
        level: one of `LEVELS`.
        event: what happened.
        fields: everything else, exception and code location included.
        time_ns: unix nanoseconds; now when 0.
    """
    runtime = current.runtime
    own = _inside_telemetry(logger)
    if own and LEVELS[level] < LEVELS["warn"]:
        return
    time_ns = time_ns or time.time_ns()
    value = correlation.find()
    if value is not None:
        fields = {correlation.ATTRIBUTE: value, **fields}
    if (redactor := runtime.redactor()) is not None:
        event = redactor.field("body", event)
        fields = redactor.mapping(fields) or fields
    if runtime.logs is not None and not own:
        runtime.logs.emit(logger, level, event, time_ns, fields)
    if runtime.console != "none":
        render = pretty_line if runtime.console == "pretty" else json_line
        line = render(_merged(_line(runtime, logger, level, event, time_ns), fields))
        # Closed stdout: nobody is reading. A signal in the middle of a line: its line is lost.
        with suppress(OSError, ValueError, RuntimeError), _write_lock:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


def json_line(line: dict[str, object]) -> str:
    """Render a line as one JSON object."""
    return json.dumps(line, default=text, ensure_ascii=False, skipkeys=True)


def pretty_line(line: dict[str, object]) -> str:
    """Render a line for a person: time, level, event, fields, then the stack trace."""
    shown = {key: value for key, value in line.items() if key not in LEADING}
    stack = shown.pop("exception.stacktrace", None)
    place = f"{shown.pop('code.file.path', '')}:{shown.pop('code.line.number', '')}"
    shown.pop("code.function.name", None)
    clock = str(line["timestamp"])[11:23]
    level = str(line["level"]).upper()
    pairs = " ".join(f"{key}={text(value)}" for key, value in shown.items())
    rest = f"  [{place.rpartition('/')[2]}]" + (f"\n{text(stack)}" if stack else "")
    return f"{clock} {level:<5} {text(line['event'])}  {pairs}{rest}"


def _line(
    runtime: Runtime, logger: str, level: str, event: object, time_ns: int
) -> dict[str, object]:
    moment = datetime.fromtimestamp(time_ns / 1e9, UTC)
    line: dict[str, object] = {
        "timestamp": moment.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "level": level,
        "event": event if isinstance(event, str) else text(event),
        "service": runtime.service,
        "logger": logger,
    }
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        line["trace_id"] = trace.format_trace_id(span.trace_id)
        line["span_id"] = trace.format_span_id(span.span_id)
    return line


def _merged(line: dict[str, object], fields: dict[str, object]) -> dict[str, object]:
    """Return the line with its fields; one that is named like a part of the line gets a `_`."""
    return line | {f"{key}_" if key in line else key: value for key, value in fields.items()}


def _inside_telemetry(logger: str) -> bool:
    """Tell whether sending this line could cause another one: the exporters' own complaints."""
    return logger.startswith("opentelemetry.") or bool(
        context.get_value(_SUPPRESS_INSTRUMENTATION_KEY)
    )
