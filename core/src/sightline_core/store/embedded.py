"""The engine in this process: one directory, one process, clients over clickhouse-connect."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import TYPE_CHECKING

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError

from sightline_core.errors import StoreError, StoreLocked
from sightline_core.store.failures import engine_words
from sightline_core.store.recovery import repair_deduplication
from sightline_core.store.schema_files import SchemaFiles

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from pathlib import Path

    from clickhouse_connect.driver.client import Client


class EmbeddedEngine:
    """The embedded engine, opened; other processes are kept out until `close`."""

    def __init__(self, data_dir: Path, each: Sequence[Mapping[str, object]]) -> None:
        """Open the engine below `data_dir` with one client for each of these settings.

        Raises:
            StoreLocked: another process has it open.
            StoreError: the directory cannot be used.
        """
        # The engine takes its time zone from the process; days and partitions are UTC everywhere.
        os.environ["TZ"] = "UTC"
        time.tzset()
        self._schemas = SchemaFiles(data_dir / "schemas")
        self._lock_file: int | None = _lock(data_dir)
        self.clients: list[Client] = []
        try:
            repair_deduplication(data_dir / "store")
            self.clients.extend(_client(data_dir / "store", settings) for settings in each)
        except BaseException:
            self.close()
            raise

    def schema_settings(self, schema: str, message: str) -> dict[str, str]:
        """Return the settings that make the engine read `message` of a .proto file's text."""
        return {"format_schema": f"{self._schemas.path(schema)}:{message}"}

    def insert_block(self, pieces: Sequence[bytes]) -> Generator[bytes, None, None]:
        """Return the body piece by piece: it goes into a file, joining would copy it once more."""
        yield from pieces

    def settle(self, client: Client) -> None:
        """Throw away what a failed statement had answered so far.

        The engine would put it before the answer to the next statement of the same client.
        """
        with contextlib.suppress(ClickHouseError):
            client.raw_query("SELECT 1")

    def close(self) -> None:
        """Release the engine and the directory. Safe to call twice."""
        for client in self.clients:
            client.close()
        self.clients = []
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None


def _client(directory: Path, settings: Mapping[str, object]) -> Client:
    try:
        return clickhouse_connect.get_client(
            interface="chdb", path=str(directory), settings=dict(settings), tz_mode="aware"
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
