"""Clients of the store, by role, over clickhouse-connect: chDB in this process.

Ingest and query use different clients, so that neither waits for the other (design D9). Calls block
and release the GIL; asyncio callers run them in threads.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import queue
import time
import uuid
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError

from sightline_core.errors import StoreError, StoreLocked, StoreUnavailable
from sightline_core.store.failures import engine_words, store_error
from sightline_core.store.recovery import repair_deduplication

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

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


class Store:
    """A store, opened by one process.

    Clients are lent out one caller at a time; callers beyond their number wait, queries at most
    `WAIT_SECONDS`.
    """

    def __init__(
        self, directory: Path, ingest: list[Client], query: list[Client], lock_file: int
    ) -> None:
        """Own the clients; `lock_file` is the descriptor that keeps other processes out."""
        self._schemas = directory / "schemas"
        self._pools: dict[Role, queue.SimpleQueue[Client]] = {}
        self._clients = [*ingest, *query]
        for role, clients in ((Role.INGEST, ingest), (Role.QUERY, query)):
            self._pools[role] = queue.SimpleQueue()
            for client in clients:
                self._pools[role].put(client)
        self._lock_file: int | None = lock_file

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

    def insert_protobuf(self, table: str, body: bytes, *, schema: str, token: str) -> None:
        """Insert length-delimited messages of type `Landing` as one deduplicated insert.

        Args:
            table: a landing table.
            body: the messages, each prefixed with its length as a varint.
            schema: text of the .proto file that declares `Landing`.
            token: equal for every try of the same batch, different for every other batch.

        Raises:
            PoisonBatch: the engine cannot decode the body; nothing was stored.
            StoreUnavailable: try again with the same token; part of it may be stored.
            StoreError: anything else.
        """
        settings = {
            "format_schema": f"{self._schema_file(schema)}:Landing",
            "insert_deduplication_token": token,
        }
        with self.client(Role.INGEST) as client:
            client.raw_insert(table, insert_block=body, fmt="Protobuf", settings=settings)

    def _schema_file(self, schema: str) -> Path:
        # Given as a string, the embedded engine keeps a copy in the working directory.
        digest = hashlib.sha256(schema.encode()).hexdigest()
        file = self._schemas / f"{digest}.proto"
        if not file.exists():
            self._schemas.mkdir(exist_ok=True)
            unfinished = file.with_suffix(f".{uuid.uuid4()}")
            unfinished.write_text(schema, encoding="utf-8")
            unfinished.replace(file)
        return file

    def close(self) -> None:
        """Release the engine and the data directory. Safe to call twice."""
        for client in self._clients:
            client.close()
        self._clients = []
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    def __enter__(self) -> Self:
        """Close on leaving the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()


def open_store(settings: Settings, *, ingest_clients: int = 2, query_clients: int = 4) -> Store:
    """Open the embedded store in `settings.data_dir`.

    Raises:
        StoreLocked: another process has it open.
        StoreError: the directory cannot be used.
    """
    # The engine takes its time zone from the process; days and partitions are UTC everywhere.
    os.environ["TZ"] = "UTC"
    time.tzset()
    data_dir = settings.data_dir.absolute()
    directory = data_dir / "store"
    lock_file = _lock(data_dir)
    try:
        repair_deduplication(directory)
        clients = [
            _embedded_client(directory, Role.INGEST if number < ingest_clients else Role.QUERY)
            for number in range(ingest_clients + query_clients)
        ]
    except BaseException:
        os.close(lock_file)
        raise
    return Store(data_dir, clients[:ingest_clients], clients[ingest_clients:], lock_file)


def _embedded_client(directory: Path, role: Role) -> Client:
    own = QUERY_SETTINGS if role is Role.QUERY else INGEST_SETTINGS
    settings = {**ENGINE_SETTINGS, **own}
    try:
        return clickhouse_connect.get_client(
            interface="chdb", path=str(directory), settings=settings, tz_mode="aware"
        )
    except ClickHouseError as error:
        raise StoreError(f"cannot open the store in {directory}: {engine_words(error)}") from error


def _lock(data_dir: Path) -> int:
    if any(sign in str(data_dir) for sign in ":?"):
        raise StoreError(
            f"cannot use data directory {data_dir}: the engine takes no path with a colon or "
            "a question mark"
        )
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(
            data_dir / "sightline.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
    except OSError as error:
        raise StoreError(f"cannot use data directory {data_dir}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise StoreLocked(
            f"cannot open {data_dir}: process {owner} is using it; stop that one, "
            "or name another directory with --data-dir or SIGHTLINE_DATA_DIR"
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor
