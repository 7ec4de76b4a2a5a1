"""What every endpoint works on: the store's queries, the bus's progress, the settings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sightline_core.bus.protocol import Bus
    from sightline_core.settings import Settings
    from sightline_core.store.client import Store
    from sightline_query_api.completeness import ProgressReader
    from sightline_query_api.shortfalls import GapCache
    from sightline_query_api.watch import Watch


class Queries:
    """The SQL files of this package, run on the store. Calls block: use them in threads."""

    def __init__(self, store: Store) -> None:
        """Run on `store`, as its query role."""
        self._store = store

    def rows(
        self, name: str, parameters: Mapping[str, Any], **clauses: str
    ) -> list[dict[str, Any]]:
        """Run sql/`name`.sql; `clauses` fill its `$` places and hold no values.

        Raises:
            StoreError: as `Store.rows`.
        """
        return self._store.rows(statement(name, **clauses), parameters)

    def row(self, name: str, parameters: Mapping[str, Any], **clauses: str) -> dict[str, Any]:
        """Run a statement that always returns one row."""
        return self.rows(name, parameters, **clauses)[0]

    def command(self, name: str, parameters: Mapping[str, Any]) -> None:
        """Run a statement that writes; needs a store whose user may.

        Raises:
            StoreError: nothing was written.
        """
        self._store.command(statement(name), parameters)

    def json_lines(self, name: str, parameters: Mapping[str, Any], **clauses: str) -> bytes:
        """Run a statement and return one JSON object per line, as the engine writes it."""
        return self._store.json_lines(statement(name, **clauses), parameters)


@dataclass(frozen=True, slots=True)
class Backend:
    """What the endpoints share.

    Attributes:
        ready: returns what is not ready yet, in sentences; nothing when all is.
        started: when this process began to serve, unix nanoseconds.
    """

    queries: Queries
    bus: Bus
    progress: ProgressReader
    gaps: GapCache
    watch: Watch
    ready: Callable[[], Sequence[str]]
    settings: Settings
    started: int


def statement(name: str, **clauses: str) -> str:
    """Return the text of sql/`name`.sql with its places filled."""
    return _template(name).substitute(clauses)


@cache
def _template(name: str) -> Template:
    return Template((files("sightline_query_api") / "sql" / f"{name}.sql").read_text("utf-8"))


def _backend(request: Request) -> Backend:
    backend: Backend = request.app.state.backend
    return backend


def _queries(request: Request) -> Queries:
    return _backend(request).queries


Serving = Annotated[Backend, Depends(_backend)]
Reading = Annotated[Queries, Depends(_queries)]
