"""The embedded engine behind ClickHouse's HTTP interface, for tests of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Serve, Served

    from sightline_core.store.client import Store

CODE = "x-clickhouse-exception-code"
FAILING = b"SELECT throwIf(number = 500000) FROM numbers(1000000)"


@pytest.fixture(scope="module")
def http(served: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{served.port}", timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def reader(serve: Serve) -> Iterator[httpx.Client]:
    """A port that only reads, and wants a password."""
    with (
        serve(writable=False, clickhouse_http_password="pä:ss") as running,
        httpx.Client(
            base_url=f"http://127.0.0.1:{running.port}", timeout=60,
            headers={b"x-clickhouse-key": "pä:ss".encode()},
        ) as client,
    ):  # fmt: skip
        yield client


@pytest.fixture(scope="module")
def table(store: Store) -> Iterator[str]:
    store.command("CREATE TABLE over_http (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
    yield "over_http"
    store.command("DROP TABLE over_http")


@pytest.fixture
def emptied(store: Store, table: str) -> str:
    store.command(f"TRUNCATE TABLE {table}")
    return table


def content(store: Store) -> list[tuple[int, str]]:
    return [(row["a"], row["b"]) for row in store.rows("SELECT a, b FROM over_http ORDER BY a")]
