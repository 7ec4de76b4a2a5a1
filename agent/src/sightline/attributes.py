"""Values as attributes: what OpenTelemetry takes stays, everything else becomes text."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opentelemetry.util.types import AttributeValue

UNPRINTABLE = "<unprintable>"


def clean(values: Mapping[str, object]) -> dict[str, AttributeValue]:
    """Return the values as attributes; None is left out, because absent says the same."""
    return {str(key): attribute(value) for key, value in values.items() if value is not None}


def attribute(value: object) -> AttributeValue:
    """Return the value if it can be an attribute, otherwise its text."""
    if isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, (list, tuple, set, frozenset)):
        return _sequence(list(cast("Iterable[object]", value)))
    return text(value)


def text(value: object) -> str:
    """Return `str(value)`; a value that cannot say what it is must not take its caller down."""
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - __str__ of the application may raise anything
        return UNPRINTABLE


def _sequence(items: list[object]) -> AttributeValue:
    for kind in (str, bool, int, float):
        if all(type(item) is kind for item in items):
            return cast("Sequence[str]", items)
    return [text(item) for item in items]
