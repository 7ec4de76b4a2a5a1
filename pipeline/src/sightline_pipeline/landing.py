"""The landing tables: one per signal, shaped like OTLP; they store nothing, views do."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sightline_core.store.client import Store
    from sightline_core.wire.names import Signal

SQL = Path(str(files("sightline_pipeline"))) / "sql"


@dataclass(frozen=True, slots=True)
class Landing:
    """Where batches of one signal are inserted, and the .proto text they are decoded by."""

    table: str
    schema: str

    def insert(self, store: Store, body: Sequence[bytes], token: str) -> None:
        """Insert length-delimited messages; see `Store.insert_protobuf` for the errors."""
        store.insert_protobuf(self.table, body, schema=self.schema, token=token)


def landing(signal: Signal) -> Landing:
    """Return the landing of `signal`."""
    directory = SQL / "landing"
    any_value, own, envelope = (
        (directory / f"{name}.proto").read_text(encoding="utf-8")
        for name in ("any_value", signal.value, "envelope")
    )
    return Landing(
        table=f"sightline_landing_{signal}",
        schema=f"{any_value}\n{own.replace('{{ envelope }}', envelope)}",
    )
