"""ClickHouse's HTTP interface of the embedded engine: sessions, and what is bounded."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
from tests.core.conftest import CODE, FAILING, content

if TYPE_CHECKING:
    from tests.conftest import Serve, Served

    from sightline_core.store.client import Store


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
            slow.sendall(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 8\r\n\r\nSELECT")
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
            b"POST /?wait_end_of_query=1 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(statement), statement)
        )
        wait_until(lambda: store.rows(running) == [{"n": 1}])
    wait_until(lambda: store.rows(running) == [{"n": 0}])


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


def wait_until(true: Any) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
