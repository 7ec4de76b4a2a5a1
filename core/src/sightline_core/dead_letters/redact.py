"""Masking secrets in what people are shown of a dead letter; its bytes stay as they are."""

from __future__ import annotations

from typing import Any, Final

from sightline_redaction.redactor import Redactor

MAX_TEXT: Final = 64 << 10
"""Characters of one text that are looked at; what follows is cut, not shown unmasked."""

_REDACTOR: Final = Redactor()


def redact_text(text: str) -> str:
    """Return `text` with a marker for everything that looks like a secret, cut to `MAX_TEXT`."""
    return _REDACTOR.text(text[:MAX_TEXT])


def redact(value: Any) -> Any:
    """Return a copy of a JSON value with secrets masked, by their names and by their looks.

    An OTLP attribute, `{"key": …, "value": …}`, counts as a member named by its key.
    """
    match value:
        case str():
            return redact_text(value)
        case list():
            return [redact(item) for item in value]
        case {"key": str(key), "value": _} if is_secret(key):
            return {**value, "value": {"stringValue": marker(key)}}
        case dict():
            return {
                name: marker(name) if is_secret(name) else redact(item)
                for name, item in value.items()
            }
    return value


def is_secret(name: str) -> bool:
    """Whether a value of that name is better not shown."""
    return bool(_REDACTOR.names.rule(name))


def marker(name: str) -> str:
    """Return what is shown in the place of a secret value of that name."""
    return str(_REDACTOR.field(name, "hidden"))
