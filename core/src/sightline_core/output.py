"""How commands print their results."""

from __future__ import annotations

from enum import StrEnum


class Output(StrEnum):
    """How a command prints its result."""

    TABLE = "table"
    JSON = "json"
