"""What an exception looks like in telemetry."""

from __future__ import annotations

import traceback

from sightline.attributes import text

MAX_STACKTRACE = 16_384
"""Characters of a stack trace that are kept: its end, where the error is."""


def describe(error: BaseException) -> dict[str, str]:
    """Return `exception.type`, `.message` and `.stacktrace` (semantic conventions, exceptions)."""
    stack = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return {
        "exception.type": type_name(error),
        "exception.message": text(error),
        "exception.stacktrace": stack[-MAX_STACKTRACE:],
    }


def type_name(error: BaseException) -> str:
    """Return the class with its module, without the module for built-in ones."""
    kind = type(error)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"
