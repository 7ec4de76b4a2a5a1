"""A small SQL database per service, with a client span around every statement."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import sightline
from sightline_demo.behaviour import work

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Row = tuple[str | int, ...]


class Database:
    """An SQLite database in memory that answers as slowly as one across the network."""

    def __init__(self, name: str, schema: str, insert: str = "", rows: Iterable[Row] = ()) -> None:
        """Create the tables and fill one."""
        self._name = name
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        self._connection.executescript(schema)
        if insert:
            self._connection.executemany(insert, rows)

    async def run(
        self, statement: str, values: Sequence[str | int] = (), *, takes_ms: float = 3.0
    ) -> list[Row]:
        """Run one statement; return its rows."""
        operation, table = _summary(statement)
        described = {
            "db.system.name": "sqlite",
            "db.namespace": self._name,
            "db.operation.name": operation,
            "db.collection.name": table,
            "db.query.text": statement,
        }
        with sightline.span(f"{operation} {table}", described, kind="client") as span:
            await work(takes_ms)
            rows = self._connection.execute(statement, values).fetchall()
            span.set_attribute("db.response.returned_rows", len(rows))
        return rows


def _summary(statement: str) -> tuple[str, str]:
    words = statement.split()
    before_table = {"SELECT": "FROM", "INSERT": "INTO", "DELETE": "FROM", "UPDATE": "UPDATE"}
    operation = words[0].upper()
    table = words[[word.upper() for word in words].index(before_table[operation]) + 1]
    return operation, table.strip("(),")
