"""Format schemas as files, for the embedded engine.

Given as text, the engine would keep a copy of each in the working directory.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class SchemaFiles:
    """The directory that holds them, one file for each text."""

    def __init__(self, directory: Path) -> None:
        """Use `directory`; it is made when the first schema comes."""
        self._directory = directory

    def path(self, schema: str) -> Path:
        """Return the file that holds `schema`; write it when it is not there."""
        digest = hashlib.sha256(schema.encode()).hexdigest()
        file = self._directory / f"{digest}.proto"
        if not file.exists():
            self._directory.mkdir(parents=True, exist_ok=True)
            unfinished = file.with_suffix(f".{uuid.uuid4()}")
            unfinished.write_text(schema, encoding="utf-8")
            unfinished.replace(file)
        return file
