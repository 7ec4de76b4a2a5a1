"""Who may do what over ClickHouse's HTTP interface of the embedded engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from tests.core.conftest import CODE

from sightline_core.clickhouse_http.statement import SAFE_TABLE_FUNCTIONS
from sightline_core.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Serve

    from sightline_core.store.client import Store


WRITES = [
    "INSERT INTO over_http VALUES (1, 'a')", "INSERT INTO over_http SELECT 1, 'a'",
    "CREATE TABLE mine (a Int8) ENGINE = Memory", "CREATE TEMPORARY TABLE mine (a Int8)",
    "DROP TABLE over_http", "TRUNCATE TABLE over_http", "ALTER TABLE over_http DELETE WHERE 1",
    "OPTIMIZE TABLE over_http", "SET readonly = 0", "SYSTEM STOP MERGES", "KILL QUERY WHERE 1",
    "RENAME TABLE over_http TO x", "ATTACH TABLE x", "DETACH TABLE over_http", "USE system",
    "DELETE FROM over_http WHERE 1", "EXCHANGE TABLES a AND b", "BACKUP TABLE a TO Null",
    "EXPLAIN SELECT 1 SETTINGS readonly = 0", "SELECT 1 SETTINGS max_threads = 1",
]  # fmt: skip


@pytest.mark.parametrize("text", WRITES)
def test_a_read_only_port_changes_nothing(reader: httpx.Client, table: str, text: str) -> None:
    for parameters in ({}, {"readonly": "2"}, {"session_id": "ro"}):
        answer = reader.post("/", params=parameters, content=text.encode())
        assert answer.headers[CODE] == "164", answer.text
        assert answer.status_code == 500


def test_read_only_cannot_be_lifted(reader: httpx.Client) -> None:
    answer = reader.post("/?readonly=0", content=b"SELECT 1")
    assert answer.headers[CODE] == "164"
    assert reader.post("/?allow_ddl=1", content=b"SELECT 1").headers[CODE] == "497"
    assert reader.post("/", content=b"SELECT getSetting('readonly')").text == "1\n"
    longest = b"SELECT getSetting('max_execution_time')"
    assert reader.post("/?max_execution_time=0", content=longest).text == "60\n"
    assert reader.post("/?max_execution_time=9999", content=longest).text == "60\n"
    assert reader.post("/?max_execution_time=5", content=longest).text == "5\n"


def test_a_get_reads_even_where_writing_is_allowed(http: httpx.Client, table: str) -> None:
    answer = http.get("/", params={"query": f"INSERT INTO {table} VALUES (1, 'a')"})
    assert answer.headers[CODE] == "164"


OUTSIDE = [
    "SELECT file('{secret}')", "SELECT `file`('{secret}')", 'SELECT "file"(\'{secret}\')',
    "SELECT file /* x */ ('{secret}')", "SELECT file\u00a0('{secret}')",
    "SELECT * APPLY(file) FROM (SELECT '{secret}' AS x)",
    "SELECT * APPLY file FROM (SELECT '{secret}' AS x)",
    "SELECT arrayMap(file, ['{secret}'])", "SELECT arrayMap(x -> file(x), ['{secret}'])",
    "WITH x -> file(x) AS f SELECT f('{secret}')", "EXPLAIN SELECT file('{secret}')",
    "SELECT \u2018'\u2019, file('{secret}'), \u2018'\u2019", "SELECT \"fi\\x6ce\"('{secret}')",
    "SELECT 1 // ' \n, file('{secret}') -- '", "SELECT 1 # ' \n, file('{secret}') -- '",
    "SELECT 'a\\'', file('{secret}'), ''", "SELECT 'a''', file('{secret}'), ''",
    "SELECT $a$'$a$, file('{secret}'), $a$'$a$", "SELECT `a``'`, file('{secret}') FROM x -- '",
    "SELECT /* /* ' */ ' */ file('{secret}')", "SELECT x'\\', ', file('{secret}'), ''",
    "SELECT * FROM file('{secret}', 'LineAsString')", "DESCRIBE TABLE file('{secret}')",
    "DESCRIBE TABLE url('http://127.0.0.1:1/')", "SELECT * FROM url('http://127.0.0.1:1/')",
    "SELECT * FROM remote('127.0.0.1:1', system.one)", "SELECT * FROM s3('http://127.0.0.1/a/b')",
    "SELECT * FROM s3 ('http://127.0.0.1/a/b')", "SELECT * FROM python(secret)",
    "SELECT * FROM executable('cat', TSV, 'a String')", "SELECT 1 INTO OUTFILE '{secret}.out'",
    "SELECT * FROM eval('SELECT 1')", "SELECT aiGenerate('x')",
    "SELECT 1 SETTINGS format_schema = '{secret}'",
    "SELECT 1 FORMAT Template SETTINGS format_template_row = '{secret}'",
]  # fmt: skip


@pytest.mark.parametrize("text", OUTSIDE)
def test_nothing_outside_the_store_is_read_or_written(
    reader: httpx.Client, http: httpx.Client, tmp_path: Path, text: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("do not tell\n")
    for port in (reader, http):
        answer = port.post("/", content=text.replace("{secret}", str(secret)).encode())
        assert "do not tell" not in answer.text
        assert answer.status_code in {400, 403}, answer.text
        assert answer.headers[CODE] in {"497", "62"}
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_every_table_function_of_the_engine_is_safe_or_closed(
    http: httpx.Client, store: Store
) -> None:
    names = [row["name"] for row in store.rows("SELECT name FROM system.table_functions")]
    assert len(names) > 50
    for name in names:
        answer = http.post("/", content=f"SELECT * FROM {name}('/etc/hostname') LIMIT 0".encode())
        if name.lower() not in SAFE_TABLE_FUNCTIONS:
            assert answer.headers[CODE] == "497", name


def test_words_in_texts_are_only_words(reader: httpx.Client) -> None:
    text = (
        "SELECT 'file(x) INTO OUTFILE', m['file'], \"url\" "
        "FROM (SELECT map('file', 1) AS m, 2 AS url)"
    )
    assert reader.post("/", content=text.encode()).text == "file(x) INTO OUTFILE\t1\t2\n"


@pytest.mark.parametrize(
    ("headers", "parameters"),
    [
        ({}, {}),
        ({"x-clickhouse-key": "wrong"}, {}),
        ({"x-clickhouse-user": "other", "x-clickhouse-key": "p"}, {}),
        ({}, {"user": "default", "password": "wrong"}),
    ],
)
def test_without_the_password_there_is_nothing_to_see(
    reader: httpx.Client, headers: dict[str, str], parameters: dict[str, str]
) -> None:
    answer = httpx.post(reader.base_url, params=parameters, headers=headers, content=b"SELECT 1")
    assert (answer.status_code, answer.headers[CODE]) == (403, "516")
    assert httpx.get(reader.base_url.join("/ping")).text == "Ok.\n"


def test_the_password_may_come_in_three_ways(reader: httpx.Client) -> None:
    url = {"user": "default", "password": "pä:ss"}
    assert httpx.post(reader.base_url, params=url, content=b"SELECT 1").text == "1\n"
    basic = httpx.post(reader.base_url, auth=("default", "pä:ss"), content=b"SELECT 1")
    assert basic.text == "1\n"
    assert reader.post("/", content=b"SELECT 1").text == "1\n"


def test_the_network_is_not_served_without_a_password(serve: Serve) -> None:
    with pytest.raises(ConfigError, match="without a password"):
        serve(host="0.0.0.0")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil"])
def test_no_page_reaches_the_port_by_its_own_name(http: httpx.Client, host: str) -> None:
    answer = http.post("/", headers={"host": host}, content=b"SELECT 1")
    assert (answer.status_code, answer.headers[CODE]) == (403, "497")
    assert http.post("/", headers={"host": "localhost:1"}, content=b"SELECT 1").text == "1\n"
