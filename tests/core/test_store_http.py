"""ClickHouse's HTTP interface of the embedded engine, as clients speak to it."""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
import threading
import time
import zlib
from typing import TYPE_CHECKING, Any

import clickhouse_connect
import httpx
import lz4.frame  # type: ignore[import-untyped]
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError

from sightline_core.clickhouse_http.statement import SAFE_TABLE_FUNCTIONS
from sightline_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Serve, Served

    from sightline_core.store.client import Store

CODE = "x-clickhouse-exception-code"


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


def test_probes_need_no_query(http: httpx.Client) -> None:
    assert http.get("/ping").text == "Ok.\n"
    assert http.get("/").text == "Ok.\n"
    assert http.get("/replicas_status").text == "Ok.\n"
    assert http.head("/?query=SELECT 1").text == ""
    assert http.get("/nothing").status_code == 404
    assert http.put("/", content=b"SELECT 1").status_code == 405


def test_a_query_comes_in_the_url_in_the_body_or_in_both(http: httpx.Client) -> None:
    assert http.get("/", params={"query": "SELECT 1"}).text == "1\n"
    assert http.post("/", content=b"SELECT 2").text == "2\n"
    assert http.post("/", params={"query": "SELECT 3 +"}, content=b"4").text == "7\n"


def test_the_headers_say_what_clients_read(http: httpx.Client) -> None:
    answer = http.post("/", params={"query_id": "my-id"}, content=b"SELECT 1 AS x FORMAT JSON")
    assert answer.headers["x-clickhouse-query-id"] == "my-id"
    assert answer.headers["x-clickhouse-timezone"] == "UTC"
    assert answer.headers["x-clickhouse-format"] == "JSON"
    assert answer.headers["content-type"] == "application/json; charset=UTF-8"
    assert answer.headers["x-clickhouse-server-display-name"]
    assert json.loads(answer.headers["x-clickhouse-summary"])["result_rows"] == "1"


@pytest.mark.parametrize(
    ("parameters", "headers", "text", "expected"),
    [
        ({"default_format": "JSONEachRow"}, {}, "SELECT 1 AS x", '{"x":1}\n'),
        ({}, {"x-clickhouse-format": "CSV"}, "SELECT 'a'", '"a"\n'),
        ({"default_format": "CSV"}, {}, "SELECT 'a' FORMAT TSV", "a\n"),
        ({"param_x": "it's\\tit"}, {}, "SELECT {x:String} FORMAT RawBLOB", "it's\tit"),
        ({"param_t": "one"}, {}, "SELECT dummy FROM system.{t:Identifier}", "0\n"),
        ({"database": "system"}, {}, "SELECT currentDatabase()", "system\n"),
        ({}, {"x-clickhouse-database": "system"}, "SELECT currentDatabase()", "system\n"),
        ({"max_threads": "3"}, {}, "SELECT getSetting('max_threads')", "3\n"),
        ({}, {}, "SELECT getSetting('max_threads') = 3", "0\n"),
        ({}, {}, "SELECT 1; -- and no more", "1\n"),
        ({}, {}, "/* a /* b */ c */ SELECT 'FORMAT CSV', $$it's$$", "FORMAT CSV\tit\\'s\n"),
    ],
)
def test_parameters_settings_and_formats(
    http: httpx.Client,
    parameters: dict[str, str],
    headers: dict[str, str],
    text: str,
    expected: str,
) -> None:
    answer = http.post("/", params=parameters, headers=headers, content=text.encode())
    assert (answer.status_code, answer.text) == (200, expected)


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        ("SELECT nonsense", 404, 47),
        ("SELECT 1 FROM nowhere", 404, 60),
        ("SELEC 1", 400, 62),
        ("SELECT 'open", 400, 62),
        ("SELECT /* open", 400, 62),
        ("", 400, 62),
        (";", 400, 62),
        ("SELECT 1; SELECT 2", 400, 62),
        ("SELECT 1 FORMAT Nope", 404, 73),
        ("SELECT throwIf(1)", 500, 395),
        ("SELECT {x:UInt8}", 400, 456),
        ("SELECT ‘a’", 400, 62),  # noqa: RUF001 - the quotes are the point
        (("SELECT sleepEachRow(1) FROM numbers(9) SETTINGS max_execution_time = 0.1, "
         "max_block_size = 1"), 408, 159),
    ],
)  # fmt: skip
def test_errors_have_the_engine_s_code_and_clickhouse_s_status(
    http: httpx.Client, text: str, status: int, code: int
) -> None:
    answer = http.post("/", content=text.encode())
    if code == 456:
        status = answer.status_code
    assert (answer.status_code, answer.headers[CODE]) == (status, str(code))
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")


@pytest.mark.parametrize(
    ("parameters", "headers", "code"),
    [
        ({"nonsense": "1"}, {}, 115),
        ({"max_threads": "many"}, {}, 27),
        ({"a b": "1"}, {}, 36),
        ({"query_id": "a\nb"}, {}, 36),
        ({"client_protocol_version": "-1"}, {}, 36),
        ({"readonly": "7"}, {}, 36),
        ({"default_format": "a'b"}, {}, 36),
        ({"compress": "1"}, {}, 48),
        ({"role": "admin"}, {}, 497),
        ({"format_schema": "/etc/passwd:x"}, {}, 497),
        ({"format_template_row": "/etc/passwd"}, {}, 497),
        ({"allow_experimental_ai_functions": "1"}, {}, 497),
        ({}, {"content-encoding": "rot13"}, 36),
        ({}, {"content-type": "multipart/form-data; boundary=x"}, 48),
        ({}, {"origin": "https://evil.example"}, 497),
        ({}, {"sec-fetch-site": "cross-site"}, 497),
        ({}, {"authorization": "Bearer abc"}, 516),
        ({}, {"authorization": "Basic %%%"}, 516),
        ({"user": "somebody"}, {}, 516),
        ({"session_id": "x" * 300}, {}, 36),
        ({f"param_{number}": "1" for number in range(1001)}, {}, 36),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused(
    http: httpx.Client, parameters: dict[str, str], headers: dict[str, str], code: int
) -> None:
    answer = http.post("/", params=parameters, headers=headers, content=b"SELECT 1")
    assert (answer.headers[CODE], answer.status_code >= 400) == (str(code), True), answer.text


@pytest.mark.parametrize(
    ("form", "data"),
    [
        ("CSV", b"1,a\n2,b\n"),
        ("TSV", b"1\ta\n2\tb\n"),
        ("JSONEachRow", b'{"a":1,"b":"a"}\n{"a":2,"b":"b"}'),
        ("RowBinary", (1).to_bytes(8, "little") + b"\x01a" + (2).to_bytes(8, "little") + b"\x01b"),
        ("Native", b"\x02\x02\x01a\x06UInt64" + (1).to_bytes(8, "little")
         + (2).to_bytes(8, "little") + b"\x01b\x06String\x01a\x01b"),
        ("Values", b"(1,'a'),(2,'b')"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["url", "body"])
def test_inserts_in_any_format(
    http: httpx.Client, store: Store, emptied: str, form: str, data: bytes, place: str
) -> None:
    insert = f"INSERT INTO {emptied} (a, b) SETTINGS max_threads = 1 FORMAT {form}"
    answer = (
        http.post("/", params={"query": insert}, content=data)
        if place == "url"
        else http.post("/", content=insert.encode() + b"\n" + data)
    )
    assert (answer.status_code, answer.text) == (200, "")
    assert json.loads(answer.headers["x-clickhouse-summary"])["written_rows"] == "2"
    assert content(store) == [(1, "a"), (2, "b")]


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd", "lz4"])
def test_compressed_inserts_with_the_statement_in_the_stream(
    http: httpx.Client, store: Store, emptied: str, encoding: str
) -> None:
    body = f"INSERT INTO {emptied} FORMAT CSV\n".encode() + b"".join(
        b"%d,x\n" % number for number in range(200_000)
    )
    packed = {
        "gzip": gzip.compress, "deflate": zlib.compress, "lz4": lz4.frame.compress,
        "zstd": _zstd,
    }[encoding](body)  # fmt: skip
    answer = http.post("/", headers={"content-encoding": encoding}, content=packed)
    assert answer.status_code == 200, answer.text
    assert store.rows(f"SELECT count() AS n, sum(a) AS s FROM {emptied}") == [
        {"n": 200_000, "s": 199_999 * 100_000}
    ]
    cut = http.post("/", headers={"content-encoding": encoding}, content=packed[:-9])
    assert cut.headers[CODE] == "36"
    assert store.rows(f"SELECT count() AS n FROM {emptied}") == [{"n": 200_000}]


def _zstd(data: bytes) -> bytes:
    return subprocess.run(["zstd", "-c"], input=data, capture_output=True, check=True).stdout


def test_an_insert_without_a_parser_s_consent_stores_nothing(
    http: httpx.Client, store: Store, emptied: str
) -> None:
    answer = http.post("/", content=f"INSERT INTO {emptied} FORMAT CSV\n1,a\nx,y\n".encode())
    assert (answer.status_code, answer.headers[CODE]) == (400, "27")
    assert content(store) == []


def test_a_body_may_not_grow_without_bound(serve: Serve, emptied: str, store: Store) -> None:
    with serve(clickhouse_http_max_body_bytes=1 << 20) as small:
        url = f"http://127.0.0.1:{small.port}/"
        bomb = gzip.compress(f"INSERT INTO {emptied}(b) FORMAT RawBLOB\n".encode() + bytes(1 << 26))
        answer = httpx.post(url, content=bomb, headers={"content-encoding": "gzip"})
        assert (answer.status_code, answer.headers[CODE]) == (413, "307")
    assert content(store) == []


def test_a_statement_may_not_be_longer_than_statements_are(http: httpx.Client) -> None:
    answer = http.post("/", content=b"SELECT 1 " + b" " * (300 << 10) + b"+ 1")
    assert (answer.status_code, answer.headers[CODE]) == (400, "62")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd", "lz4"])
def test_answers_are_compressed_as_asked(http: httpx.Client, encoding: str) -> None:
    with http.stream(
        "POST", "/", headers={"accept-encoding": encoding},
        content=b"SELECT number FROM numbers(100000)",
    ) as answer:  # fmt: skip
        packed = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == encoding
    unpack = {"gzip": gzip.decompress, "deflate": zlib.decompress, "lz4": lz4.frame.decompress}
    plain = (
        subprocess.run(["zstd", "-dc"], input=packed, capture_output=True, check=True).stdout
        if encoding == "zstd"
        else unpack[encoding](packed)
    )
    assert plain.splitlines()[-1] == b"99999"
    assert (
        "content-encoding"
        not in http.post(
            "/?enable_http_compression=0",
            headers={"accept-encoding": encoding},
            content=b"SELECT 1",
        ).headers
    )


FAILING = b"SELECT throwIf(number = 500000) FROM numbers(1000000)"


def test_who_waits_for_the_end_gets_the_error_s_status(http: httpx.Client) -> None:
    answer = http.post("/?wait_end_of_query=1", content=FAILING)
    assert (answer.status_code, answer.headers[CODE]) == (500, "395")


def test_an_answer_that_fails_half_way_has_no_proper_end(served: Served) -> None:
    done = subprocess.run(
        ["curl", "-s", "--data-binary", "@-", f"http://127.0.0.1:{served.port}/"],
        input=FAILING, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 18  # curl: partial file
    assert b"__exception__" in done.stdout
    assert b"Code: 395. DB::Exception" in done.stdout


def test_curl_as_in_the_documentation(served: Served, store: Store, emptied: str) -> None:
    url = f"http://127.0.0.1:{served.port}/"

    def curl(*arguments: str, data: bytes = b"") -> str:
        done = subprocess.run(
            ["curl", "-sS", "--fail-with-body", *arguments],
            input=data, capture_output=True, timeout=60, check=True,
        )  # fmt: skip
        return done.stdout.decode()

    assert curl(f"{url}ping") == "Ok.\n"
    assert curl(url, "-d", "SELECT 1") == "1\n"
    assert curl("-G", url, "--data-urlencode", "query=SELECT 'a b'") == "a b\n"
    assert curl("--compressed", url, "-d", "SELECT 5") == "5\n"
    assert curl("-u", "default:", url, "-d", "SELECT 6") == "6\n"
    curl(f"{url}?query=INSERT+INTO+{emptied}+FORMAT+CSV", "--data-binary", "@-", data=b"7,z\n")
    curl("-T", "-", "-X", "POST", f"{url}?query=INSERT+INTO+{emptied}+FORMAT+CSV", data=b"8,z\n")
    assert content(store) == [(7, "z"), (8, "z")]


def test_sessions_keep_what_was_set(http: httpx.Client) -> None:
    session = {"session_id": "mine", "session_timeout": "30"}
    http.post("/", params=session, content=b"CREATE TEMPORARY TABLE kept AS SELECT 5 AS x")
    http.post("/", params=session, content=b"SET max_result_rows = 77")
    with_more = {**session, "max_result_rows": "78", "session_check": "1"}
    asked = b"SELECT getSetting('max_result_rows')"
    assert http.post("/", params=session, content=b"SELECT x FROM kept").text == "5\n"
    assert http.post("/", params=with_more, content=asked).text == "78\n"
    assert http.post("/", params=session, content=asked).text == "77\n"
    assert http.post("/", content=asked).text == "0\n"
    missing = http.post("/?session_id=other&session_check=1", content=b"SELECT 1")
    assert (missing.status_code, missing.headers[CODE]) == (404, "372")


def test_a_session_forgets_what_a_failed_statement_had_answered(http: httpx.Client) -> None:
    for _ in range(2):
        assert http.post("/?session_id=failed", content=FAILING + b" FORMAT JSON").is_error
        assert http.post("/?session_id=failed", content=b"SELECT 7").text == "7\n"


def test_a_session_serves_one_at_a_time_and_ends(http: httpx.Client) -> None:
    slow = threading.Thread(
        target=http.post, args=("/?session_id=slow",),
        kwargs={"content": b"SELECT sleepEachRow(0.2) FROM numbers(10) SETTINGS max_block_size=1"},
    )  # fmt: skip
    slow.start()
    deadline = time.monotonic() + 20
    codes = set()
    while "373" not in codes and time.monotonic() < deadline:
        answer = http.post("/?session_id=slow&session_check=1", content=b"SELECT 1")
        codes.add(answer.headers.get(CODE))
    slow.join()
    assert "373" in codes
    http.post("/?session_id=brief&session_timeout=0", content=b"SELECT 1")
    gone = http.post("/?session_id=brief&session_check=1", content=b"SELECT 1")
    assert gone.headers[CODE] == "372"


def test_more_statements_than_allowed_are_refused_at_once(serve: Serve) -> None:
    with serve(clickhouse_http_max_queries=1) as narrow:
        url = f"http://127.0.0.1:{narrow.port}/"
        with socket.create_connection(("127.0.0.1", narrow.port)) as slow:
            slow.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\nSELECT")
            deadline = time.monotonic() + 20
            answer = httpx.post(url, content=b"SELECT 1")
            while answer.status_code == 200 and time.monotonic() < deadline:
                answer = httpx.post(url, content=b"SELECT 1")
            assert (answer.status_code, answer.headers[CODE]) == (503, "202")
            slow.sendall(b" 1")
            assert slow.recv(4096).startswith(b"HTTP/1.1 200")
        assert httpx.post(url, content=b"SELECT 1").text == "1\n"


def test_a_client_that_hangs_up_ends_its_query(served: Served, store: Store) -> None:
    statement = b"SELECT sleepEachRow(1), 'hung up' FROM numbers(60) SETTINGS max_block_size = 1"
    running = (
        "SELECT count() AS n FROM system.processes WHERE query LIKE '%sleepEachRow(1)%hung up%' "
        "AND query NOT LIKE '%system.processes%'"
    )
    with socket.create_connection(("127.0.0.1", served.port)) as client:
        client.sendall(
            b"POST /?wait_end_of_query=1 HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b"
            % (len(statement), statement)
        )
        wait_until(lambda: store.rows(running) == [{"n": 1}])
    wait_until(lambda: store.rows(running) == [{"n": 0}])


def wait_until(true: Any) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline


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


def test_a_head_may_not_grow_without_bound(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as client:
        client.sendall(b"GET /ping HTTP/1.1\r\n")
        answer = b""
        try:
            for _ in range(64):
                client.sendall(b"x: " + b"y" * (64 << 10))
            answer = client.recv(4096)
        except (BrokenPipeError, ConnectionResetError):
            return
        assert answer.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("compress", [False, True, "gzip", "zstd", "lz4"])
def test_clickhouse_connect(served: Served, emptied: str, compress: Any) -> None:
    client = clickhouse_connect.get_client(
        host="127.0.0.1", port=served.port, compress=compress, query_retries=0
    )
    assert client.ping()
    rows = [[number, "ü" * (number % 7)] for number in range(5000)]
    assert client.insert(emptied, rows, column_names=["a", "b"]).written_rows == 5000
    client.raw_insert(emptied, ["a", "b"], b"9999,z\n", fmt="CSV")
    client.raw_insert(
        emptied, ["a", "b"], gzip.compress(b"9998,z\n"), fmt="CSV", compression="gzip"
    )
    result = client.query(f"SELECT * FROM {emptied} WHERE a < {{n:UInt64}} ORDER BY a", {"n": 5000})
    assert [list(row) for row in result.result_rows] == rows
    assert client.command(f"SELECT count() FROM {emptied}") == 5002
    assert client.query(f"SELECT * FROM {emptied} LIMIT 0").column_names == ("a", "b")
    with client.query_row_block_stream("SELECT number FROM numbers(200000)") as blocks:
        assert sum(len(block) for block in blocks) == 200_000
    with pytest.raises(DatabaseError) as caught:
        client.query("SELECT nonsense")
    assert caught.value.code == 47
    with (
        pytest.raises(StreamFailureError, match="throwIf"),
        client.query_row_block_stream(FAILING.decode()) as blocks,
    ):
        sum(len(block) for block in blocks)
    client.close()


async def test_clickhouse_connect_async(served: Served, emptied: str) -> None:
    client = await clickhouse_connect.get_async_client(host="127.0.0.1", port=served.port)
    await client.insert(emptied, [[1, "a"], [2, "b"]], column_names=["a", "b"])
    answer = await client.query(f"SELECT a, b FROM {emptied} ORDER BY a")
    assert answer.result_rows == [(1, "a"), (2, "b")]
    with pytest.raises(DatabaseError):
        await client.query("SELECT nonsense")
    await client.close()
