"""Clients of the store, by role, over clickhouse-connect: chDB in this process, or ClickHouse.

Ingest and query use different clients, so that neither waits for the other (design D9). Calls block
and release the GIL; asyncio callers run them in threads. The same statements and settings go to
both kinds of engine.
"""

from __future__ import annotations

import queue
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, Self

from clickhouse_connect.driver.exceptions import ClickHouseError

from sightline_core.errors import StoreUnavailable
from sightline_core.store.embedded import EmbeddedEngine
from sightline_core.store.failures import store_error
from sightline_core.store.remote import RemoteEngine

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from clickhouse_connect.driver.client import Client

    from sightline_core.settings import Settings

ENGINE_SETTINGS = {
    "date_time_input_format": "best_effort",
    # Views of one insert must see the same token, and every retry the same blocks (design D4).
    "deduplicate_insert": "enable",
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "materialized_views_ignore_errors": 0,
    # Values that nest are stored as JSON, for people to read and search.
    "output_format_json_escape_forward_slashes": 0,
}
WAIT_SECONDS = 10
# Inserts run side by side, one a client: threads of their own would only get in each other's way.
INGEST_SETTINGS = {"max_threads": 1}
QUERY_SETTINGS = {"readonly": 2, "max_execution_time": 30, "max_memory_usage": 4 << 30}

JSON_SETTINGS = {
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_validate_utf8": 1,
}


class Role(StrEnum):
    """What a client is for; decides its settings and how many there are."""

    INGEST = "ingest"
    QUERY = "query"


class Engine(Protocol):
    """What a store runs on."""

    @property
    def clients(self) -> Sequence[Client]:
        """One for each set of settings that it was opened with, in their order."""

    def schema_settings(self, schema: str, message: str) -> dict[str, str]:
        """Return the settings that make it read `message` of a .proto file's text."""

    def settle(self, client: Client) -> None:
        """Make a client that raised an error fit for the next statement."""

    def insert_block(self, pieces: Sequence[bytes]) -> bytes | Generator[bytes, None, None]:
        """Return the body of an insert in the form that it takes best."""

    def close(self) -> None:
        """Release it. Safe to call twice."""


class Store:
    """A store, opened.

    Clients are lent out one caller at a time; callers beyond their number wait, queries at most
    `WAIT_SECONDS`.
    """

    def __init__(self, engine: Engine, ingest_clients: int) -> None:
        """Own the engine; the first `ingest_clients` of its clients write, the others read."""
        self._engine = engine
        self._pools: dict[Role, queue.SimpleQueue[Client]] = {
            role: queue.SimpleQueue() for role in Role
        }
        for number, client in enumerate(engine.clients):
            self._pools[Role.INGEST if number < ingest_clients else Role.QUERY].put(client)

    @contextmanager
    def client(self, role: Role) -> Iterator[Client]:
        """Lend a client; engine errors inside leave as `StoreError` of the right kind."""
        try:
            client = self._pools[role].get(timeout=WAIT_SECONDS if role is Role.QUERY else None)
        except queue.Empty:
            raise StoreUnavailable(
                f"cannot query the store: all its clients were busy for {WAIT_SECONDS} seconds"
            ) from None
        try:
            yield client
        except ClickHouseError as error:
            self._engine.settle(client)
            raise store_error(error) from error
        except OSError as error:
            raise StoreUnavailable(f"cannot hand data to the store: {error}") from error
        finally:
            self._pools[role].put(client)

    def command(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        settings: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run one statement that returns nothing or a single value, as the ingest role."""
        with self.client(Role.INGEST) as client:
            return client.command(sql, dict(parameters or {}), settings=dict(settings or {}))

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run a query as the query role; values are bound as `{name:Type}` parameters."""
        with self.client(Role.QUERY) as client:
            return list(client.query(sql, parameters=dict(parameters or {})).named_results())

    def json_lines(self, sql: str, parameters: Mapping[str, Any] | None = None) -> bytes:
        """Run a query as the query role; the engine writes one JSON object per row and line.

        For large answers: nothing is turned into Python objects. 64-bit integers are numbers.
        """
        with self.client(Role.QUERY) as client:
            return client.raw_query(
                sql, parameters=dict(parameters or {}), settings=JSON_SETTINGS, fmt="JSONEachRow"
            )

    def insert_protobuf(
        self, table: str, body: Sequence[bytes], *, schema: str, token: str
    ) -> None:
        """Insert length-delimited messages of type `Landing` as one deduplicated insert.

        Args:
            table: a landing table.
            body: the messages, each prefixed with its length as a varint, cut anywhere.
            schema: text of the .proto file that declares `Landing`.
            token: equal for every try of the same batch, different for every other batch.

        Raises:
            PoisonBatch: the engine cannot decode the body; nothing was stored.
            StoreUnavailable: try again with the same token; part of it may be stored.
            StoreError: anything else.
        """
        settings = {
            **self._engine.schema_settings(schema, "Landing"),
            "insert_deduplication_token": token,
        }
        with self.client(Role.INGEST) as client:
            block = self._engine.insert_block(body)
            client.raw_insert(table, insert_block=block, fmt="Protobuf", settings=settings)

    def close(self) -> None:
        """Release the engine. Safe to call twice."""
        self._engine.close()

    def __enter__(self) -> Self:
        """Close on leaving the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()


def open_store(settings: Settings, *, ingest_clients: int = 2, query_clients: int = 4) -> Store:
    """Open the ClickHouse at `settings.clickhouse_url`, otherwise the engine in `data_dir`.

    Raises:
        StoreLocked: another process has the directory open.
        StoreUnavailable: the server is out of reach.
        StoreError: the directory cannot be used, or the server refuses.
        ConfigError: the URL cannot be used.
    """
    own = [INGEST_SETTINGS] * ingest_clients + [QUERY_SETTINGS] * query_clients
    each = [{**ENGINE_SETTINGS, **settings_of_role} for settings_of_role in own]
    engine: Engine
    if settings.clickhouse_url is not None:
        engine = RemoteEngine(settings.clickhouse_url.get_secret_value(), each)
    else:
        engine = EmbeddedEngine(settings.data_dir.absolute(), each)
    return Store(engine, ingest_clients)
