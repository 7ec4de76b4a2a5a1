"""One suite for every store: the engine in this process, and a ClickHouse over HTTP."""

from __future__ import annotations

import itertools
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from tests.broker.ports import free_ports

from sightline_core.bus.protocol import Record
from sightline_core.errors import (
    ConfigError,
    PoisonBatch,
    SchemaMismatch,
    StoreError,
    StoreUnavailable,
)
from sightline_core.settings import load_settings
from sightline_core.store.client import open_store
from sightline_core.store.remote import connection
from sightline_core.wire.names import Signal
from sightline_pipeline.batch import AcceptWindow, Batch
from sightline_pipeline.landing import landing
from sightline_pipeline.schema import migrate_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sightline_core.store.client import Store

NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def http_store(served: Any) -> Iterator[Store]:
    url = f"http://127.0.0.1:{served.port}/default"
    with open_store(load_settings(clickhouse_url=url)) as opened:
        yield opened


@pytest.fixture(params=["embedded", "http"])
def any_store(request: pytest.FixtureRequest) -> Store:
    name = "store" if request.param == "embedded" else "http_store"
    opened: Store = request.getfixturevalue(name)
    return opened


@pytest.fixture
def table(any_store: Store) -> Iterator[str]:
    name = f"contract_{next(NUMBERS)}"
    any_store.command(f"CREATE TABLE {name} (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
    yield name
    any_store.command(f"DROP TABLE {name}")


def logs(service: str, count: int, offset: int = 0) -> list[bytes]:
    """Return one batch of log lines as the pipeline hands it to the store."""
    now = datetime.now(UTC).timestamp()
    lines = [
        LogRecord(
            time_unix_nano=int(now * 1e9) + number,
            body=AnyValue(string_value=f"line {number}"),
        )
        for number in range(count)
    ]
    resource = Resource(
        attributes=[KeyValue(key="service.name", value=AnyValue(string_value=service))]
    )
    request = ExportLogsServiceRequest(
        resource_logs=[ResourceLogs(resource=resource, scope_logs=[ScopeLogs(log_records=lines)])]
    )
    record = Record(
        topic=Signal.LOGS.topic,
        partition=0,
        offset=offset,
        timestamp_ms=int(now * 1000),
        key=None,
        value=request.SerializeToString(),
        headers=(),
    )
    return Batch([record]).body(AcceptWindow(86400, 3600))


def test_a_value_of_every_common_type_comes_back_as_itself(any_store: Store) -> None:
    (row,) = any_store.rows(
        """
        SELECT toUInt64(18446744073709551615) AS big, toInt8(-1) AS small, 1.5 AS real,
            'a\\tb\\n\\'ü' AS text, unhex('FF00') AS bytes, [1, 2] AS list, map('k', 'v') AS pairs,
            CAST(NULL, 'Nullable(String)') AS nothing, toLowCardinality('x') AS word,
            fromUnixTimestamp64Nano(1000000001, 'UTC') AS time, tuple(1, 'a') AS both
        """
    )
    assert row["big"] == 2**64 - 1
    assert (row["small"], row["real"], row["text"]) == (-1, 1.5, "a\tb\n'ü")
    assert (row["list"], row["pairs"], row["nothing"]) == ([1, 2], {"k": "v"}, None)
    assert (row["word"], tuple(row["both"])) == ("x", (1, "a"))
    assert row["time"] == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)


def test_an_empty_result_is_an_empty_list(any_store: Store) -> None:
    assert any_store.rows("SELECT number FROM numbers(0)") == []
    assert any_store.json_lines("SELECT number FROM numbers(0)") == b""


def test_a_large_result_arrives_whole(any_store: Store) -> None:
    lines = any_store.json_lines("SELECT number AS n FROM numbers(200000)").splitlines()
    assert len(lines) == 200_000
    assert lines[-1] == b'{"n":199999}'


@pytest.mark.parametrize(
    "value", ["x'; DROP TABLE otel_logs; --\\", "tab\tnew\nline", "ünïcode 🦊", "", "{a:String}"]
)
def test_values_are_bound_not_spliced(any_store: Store, value: str) -> None:
    assert any_store.rows("SELECT {v:String} AS v", {"v": value}) == [{"v": value}]


def test_lists_and_times_can_be_bound(any_store: Store) -> None:
    bound = {"l": ["a'b", "c"], "n": 2**63}
    assert any_store.rows("SELECT {l:Array(String)} AS l, {n:UInt64} AS n", bound) == [bound]


def test_what_a_command_writes_is_read_by_the_next_query(any_store: Store, table: str) -> None:
    any_store.command(f"INSERT INTO {table} SELECT number, 'x' FROM numbers(10)")
    assert any_store.rows(f"SELECT count() AS n FROM {table}") == [{"n": 10}]
    assert any_store.command(f"SELECT count() FROM {table}") == 10


def test_a_setting_of_one_statement_does_not_stay(any_store: Store) -> None:
    any_store.command("SELECT 1", settings={"max_result_rows": 77})
    assert any_store.command("SELECT getSetting('max_result_rows')") == 0


def test_queries_cannot_write(any_store: Store, table: str) -> None:
    for statement in (
        f"INSERT INTO {table} VALUES (1, 'x')",
        f"DROP TABLE {table}",
        "SET readonly = 0",
    ):
        with pytest.raises(StoreError, match=r"READONLY|readonly"):
            any_store.rows(statement)
    assert any_store.rows(f"SELECT count() AS n FROM {table}") == [{"n": 0}]


@pytest.mark.parametrize(
    ("statement", "kind", "code"),
    [
        ("SELECT nonsense", StoreError, 47),
        ("SELEC 1", StoreError, 62),
        ("SELECT 1 FROM not_there", SchemaMismatch, 60),
        ("SELECT throwIf(1)", StoreError, 395),
    ],
)
def test_errors_are_ours_and_keep_the_engine_s_code(
    any_store: Store, statement: str, kind: type[StoreError], code: int
) -> None:
    with pytest.raises(StoreError) as caught:
        any_store.rows(statement)
    assert type(caught.value) is kind
    assert caught.value.code == code


def test_an_error_in_the_middle_of_an_answer_is_an_error(any_store: Store) -> None:
    for read in (any_store.rows, any_store.json_lines):
        with pytest.raises(StoreError, match="throwIf") as caught:
            read("SELECT throwIf(number = 500000) FROM numbers(1000000)")
        assert caught.value.code == 395


def test_a_batch_is_stored_once_however_often_it_is_tried(any_store: Store) -> None:
    service = f"contract-once-{next(NUMBERS)}"
    body = logs(service, 100)
    for _ in range(3):
        landing(Signal.LOGS).insert(any_store, body, f"{service}-token")
    assert stored(any_store, service) == 100
    landing(Signal.LOGS).insert(any_store, body, f"{service}-other")
    assert stored(any_store, service) == 200


def test_a_token_of_one_engine_is_known_to_the_other(store: Store, http_store: Store) -> None:
    service = f"contract-both-{next(NUMBERS)}"
    body = logs(service, 50)
    for engine in (store, http_store, store):
        landing(Signal.LOGS).insert(engine, body, f"{service}-token")
    assert stored(store, service) == 50


def test_a_batch_of_megabytes_arrives_whole(any_store: Store) -> None:
    service = f"contract-large-{next(NUMBERS)}"
    landing(Signal.LOGS).insert(any_store, logs(service, 60_000), service)
    assert stored(any_store, service) == 60_000


@pytest.mark.parametrize("body", [b"\x05garb", b"\x7f\xff\xff", b"\x02\x0a\x7f"])
def test_what_cannot_be_decoded_is_poison_and_stores_nothing(any_store: Store, body: bytes) -> None:
    before = any_store.rows("SELECT count() AS n FROM otel_logs")
    with pytest.raises(PoisonBatch):
        landing(Signal.LOGS).insert(any_store, [body], f"poison-{next(NUMBERS)}")
    assert any_store.rows("SELECT count() AS n FROM otel_logs") == before


def test_nothing_is_written_to_the_working_directory(
    any_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    landing(Signal.LOGS).insert(any_store, logs("contract-cwd", 1), f"cwd-{next(NUMBERS)}")
    assert list(tmp_path.iterdir()) == []


def test_clients_work_side_by_side(any_store: Store) -> None:
    together = threading.Barrier(3, timeout=20)
    answers: list[Any] = []

    def ask() -> None:
        together.wait()
        answers.append(any_store.rows("SELECT sleep(0.1) AS s"))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [[{"s": 0}]] * 3


def test_migrations_run_over_http_and_again_without_effect(store: Store, served: Any) -> None:
    store.command("CREATE DATABASE elsewhere")
    url = f"http://default@127.0.0.1:{served.port}/elsewhere"
    settings = load_settings(clickhouse_url=url, retention_days=7)
    with open_store(settings, ingest_clients=1, query_clients=1) as remote:
        assert migrate_store(remote, settings)[0].number == 1
        assert migrate_store(remote, settings) == []
        landing(Signal.LOGS).insert(remote, logs("elsewhere", 3), "elsewhere-1")
        assert stored(remote, "elsewhere") == 3
        (table,) = remote.rows(
            "SELECT engine_full AS e FROM system.tables WHERE database = 'elsewhere' "
            "AND name = 'otel_logs'"
        )
        assert "toIntervalDay(7)" in table["e"]
    assert stored(store, "elsewhere") == 0
    store.command("DROP DATABASE elsewhere")


def test_a_server_that_nobody_started_is_unavailable() -> None:
    (free_port,) = free_ports(1)
    with pytest.raises(StoreUnavailable, match="refused"):
        open_store(load_settings(clickhouse_url=f"http://127.0.0.1:{free_port}"))


def test_a_server_that_went_away_is_unavailable(serve: Callable[..., Any]) -> None:
    with serve() as running:
        settings = load_settings(clickhouse_url=f"http://127.0.0.1:{running.port}")
        remote = open_store(settings, ingest_clients=1, query_clients=1)
        assert remote.rows("SELECT 1 AS one") == [{"one": 1}]
    with remote:
        with pytest.raises(StoreUnavailable):
            remote.rows("SELECT 1")
        with pytest.raises(StoreUnavailable):
            landing(Signal.LOGS).insert(remote, logs("away", 1), "away-1")


def test_a_wrong_password_is_waited_out_and_not_printed(serve: Callable[..., Any]) -> None:
    with serve(clickhouse_http_password="right") as running:
        url = f"http://default:wrong-one@127.0.0.1:{running.port}"
        with pytest.raises(StoreUnavailable) as caught:
            open_store(load_settings(clickhouse_url=url))
        assert caught.value.code == 516
        assert "wrong-one" not in str(caught.value)
        right = load_settings(clickhouse_url=url.replace("wrong-one", "right"))
        with open_store(right, ingest_clients=1, query_clients=1) as remote:
            assert remote.rows("SELECT 1 AS one") == [{"one": 1}]


@pytest.mark.parametrize(
    "url",
    ["localhost:8123", "tcp://h:9000", "http://", "http://h:x/", "http://h/a/b", "http://h/?q=1"],
)
def test_a_url_that_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigError, match="SIGHTLINE_CLICKHOUSE_URL") as caught:
        connection(url)
    assert url not in str(caught.value).removesuffix("db")


def test_a_url_says_everything_that_a_client_needs() -> None:
    assert connection("https://me:p%40ss@db.example/logs") == {
        "interface": "https", "host": "db.example", "port": 8443,
        "username": "me", "password": "p@ss", "database": "logs",
    }  # fmt: skip
    assert connection("http://db")["port"] == 8123


def stored(store: Store, service: str) -> int:
    (row,) = store.rows(
        "SELECT count() AS n FROM otel_logs WHERE ServiceName = {s:String}", {"s": service}
    )
    return int(row["n"])
