"""ClickHouse's HTTP interface of the embedded engine: queries, inserts, answers."""

from __future__ import annotations

import gzip
import json
import subprocess
import zlib
from typing import TYPE_CHECKING

import lz4.frame  # type: ignore[import-untyped]
import pytest
from tests.core.conftest import CODE, FAILING, content

if TYPE_CHECKING:
    import httpx
    from tests.conftest import Served

    from sightline_core.store.client import Store


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
        ({"nonsense": "1"}, {}, 497),
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
