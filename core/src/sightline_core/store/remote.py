"""A ClickHouse elsewhere, over its HTTP interface: a server, a cluster, or `sightline store`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_connect.driver.httputil import get_pool_manager

from sightline_core.errors import ConfigError
from sightline_core.store.failures import store_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clickhouse_connect.driver.client import Client

CONNECT_SECONDS: Final = 10
ANSWER_SECONDS: Final = 300
"""An insert that merges cannot keep up with is delayed by the server; it is not given up early."""
PORTS: Final = {"http": 8123, "https": 8443}
WRONG: Final = (
    "cannot use SIGHTLINE_CLICKHOUSE_URL: {why}; it must read http(s)://user:password@host:8123/db"
)


class RemoteEngine:
    """A ClickHouse that other processes use, too."""

    def __init__(self, url: str, each: Sequence[Mapping[str, object]]) -> None:
        """Connect with one client for each of these settings.

        Raises:
            ConfigError: the URL is none.
            StoreUnavailable: nobody answers.
            StoreError: the server refuses.
        """
        self._pool = get_pool_manager(maxsize=len(each), num_pools=2)
        self.clients: list[Client] = []
        options = connection(url)
        try:
            for settings in each:
                self.clients.append(self._client(options, settings))
        except ClickHouseError as error:
            self.close()
            raise store_error(error) from error

    def schema_settings(self, schema: str, message: str) -> dict[str, str]:
        """Return the settings that make the server read `message` of a .proto file's text."""
        return {
            "format_schema_source": "string",
            "format_schema": schema,
            "format_schema_message_name": message,
        }

    def insert_block(self, pieces: Sequence[bytes]) -> bytes:
        """Return the body whole: a request that is sent again would find a generator used up."""
        return b"".join(pieces)

    def settle(self, client: Client) -> None:
        """Nothing to do: every statement has a connection's whole attention."""

    def close(self) -> None:
        """Close the connections. Safe to call twice."""
        for client in self.clients:
            client.close()
        self.clients = []
        self._pool.clear()

    def _client(self, options: Mapping[str, Any], settings: Mapping[str, object]) -> Client:
        return clickhouse_connect.get_client(
            **options,
            settings=dict(settings),
            pool_mgr=self._pool,
            connect_timeout=CONNECT_SECONDS,
            send_receive_timeout=ANSWER_SECONDS,
            # Every try is ours: the pipeline knows what may be repeated and under which token.
            query_retries=0,
            autogenerate_session_id=False,
            compress=False,
            tz_mode="aware",
        )


def connection(url: str) -> dict[str, Any]:
    """Return the arguments of `get_client` that a URL stands for.

    Raises:
        ConfigError: it cannot be read; the message does not repeat it, since it holds a password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigError(WRONG.format(why=error)) from None
    if parts.scheme not in PORTS or not parts.hostname:
        raise ConfigError(WRONG.format(why="it names no server"))
    if parts.query or parts.fragment:
        raise ConfigError(WRONG.format(why="it ends with something else than a database"))
    return {
        "interface": parts.scheme,
        "host": parts.hostname,
        "port": port or PORTS[parts.scheme],
        "username": unquote(parts.username or "default"),
        "password": unquote(parts.password or ""),
        "database": _database(parts),
    }


def _database(parts: SplitResult) -> str:
    name = unquote(parts.path.strip("/"))
    if "/" in name:
        raise ConfigError(WRONG.format(why=f"{name!r} is no name of a database"))
    return name or "default"
