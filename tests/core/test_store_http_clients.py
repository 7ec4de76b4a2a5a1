"""ClickHouse's HTTP interface of the embedded engine, as clients speak to it."""

from __future__ import annotations

import gzip
import subprocess
from typing import TYPE_CHECKING, Any

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError
from tests.core.conftest import FAILING, content

if TYPE_CHECKING:
    from tests.conftest import Served

    from sightline_core.store.client import Store


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
