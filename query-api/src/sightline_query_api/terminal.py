"""What commands have in common: times as people type them, text that a terminal does not obey."""

from __future__ import annotations

import re
import time
from typing import Any, Final

from rich.text import Text

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# Terminals obey these: escape sequences, and signs that turn the direction of what follows.
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def moment(text: str) -> str:
    """Return a time for the API: `6h` is six hours ago."""
    match = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if not match:
        return text
    return str(time.time_ns() - int(match[1]) * _UNITS[match[2]] * 1_000_000_000)


def plain(value: Any) -> Text:
    """Return text that a terminal prints and does not obey."""
    return Text(_CONTROLS.sub("\N{REPLACEMENT CHARACTER}", str(value)))
