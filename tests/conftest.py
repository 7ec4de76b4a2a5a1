"""What tests of several components share."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Protocol, Self

import pytest
from tests.broker.cluster import KafkaCluster

from sightline_core.clickhouse_http.server import ClickHouseServer
from sightline_core.settings import Settings, load_settings
from sightline_core.store.client import Store, open_store
from sightline_pipeline.schema import migrate_store

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def store_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of `store`: records are taken from a day back to an hour ahead."""
    return load_settings(
        data_dir=tmp_path_factory.mktemp("store"),
        accept_past_seconds=86400,
        accept_future_seconds=3600,
        bus_partitions=1,
        batch_max_seconds=0.05,
        api_allowed_hosts=["sightline"],
    )


@pytest.fixture(scope="session")
def store(store_settings: Settings) -> Iterator[Store]:
    """A migrated store, the only one that this process can have (chDB: one directory a process).

    Tests share it: each uses service names, topics and trace ids of its own.
    """
    with open_store(store_settings, ingest_clients=2, query_clients=4) as opened:
        migrate_store(opened, store_settings)
        yield opened


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """A real broker, one node, started when the first test wants it.

    Tests share it: each uses topics and groups of its own, and none stops it. Who wants to stop,
    kill or guard a broker starts a `KafkaCluster` of its own.
    """
    with KafkaCluster(tmp_path_factory.mktemp("kafka") / "shared") as cluster:
        yield cluster


class Served:
    """The shared store behind ClickHouse's HTTP interface, on a thread of its own."""

    def __init__(self, settings: Settings, *, writable: bool) -> None:
        self._server = ClickHouseServer(settings, writable=writable)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    @property
    def port(self) -> int:
        """The bound port."""
        return self._server.port

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._server.start(), self._loop).result(30)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._server.stop(), self._loop).result(60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Serve(Protocol):
    """Serves the shared store; settings that are given win."""

    def __call__(self, *, writable: bool = True, **settings: Any) -> Served: ...


@pytest.fixture(scope="session")
def serve(store: Store, store_settings: Settings) -> Serve:
    """Return what puts the shared store behind a port, as a context manager."""

    def serve(*, writable: bool = True, **settings: Any) -> Served:
        chosen = {**store_settings.model_dump(), "clickhouse_http_port": 0, **settings}
        return Served(load_settings(**chosen), writable=writable)

    return serve


@pytest.fixture(scope="session")
def served(serve: Serve) -> Iterator[Served]:
    """The shared store behind a port that takes writes and wants no password."""
    with serve() as running:
        yield running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run browser tests last: Playwright's loop keeps the main thread's, which others need."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
