"""Native blocks in the form that newer clients ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sightline_core.clickhouse_http.native import FLAGGED, split_type, with_protocol
from sightline_core.clickhouse_http.refusal import Refusal
from sightline_core.store.client import Role

if TYPE_CHECKING:
    from sightline_core.store.client import Store

INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"
COLUMNS = [
    "number", "toString(number)", "toInt8(number)", "toFloat32(number)", "number = 1",
    "toDecimal32(number, 2)", "toDecimal128(number, 2)", "CAST(number, 'Decimal(76, 3)')",
    "generateUUIDv4()", "toIPv4('1.2.3.4')", "toIPv6('::1')", "toDate('2026-01-01')",
    "toDate32('2026-01-01')", "toDateTime(number, 'UTC')", "toDateTime64(number, 9)",
    "toFixedString('abc', 5)", "CAST(1, 'Enum8(''a,(b'' = 1, ''c'' = 2)')",
    "toNullable(number)", "CAST(NULL, 'Nullable(String)')", "NULL", "INTERVAL number DAY",
    "toLowCardinality(toString(number % 3))", "CAST(NULL, 'LowCardinality(Nullable(String))')",
    "range(number % 5)", "CAST([], 'Array(Nullable(String))')", "[[1], []]",
    "[toLowCardinality('x')]",
    "CAST([], 'Array(LowCardinality(String))')", "map('a', 1)", "map('a', [map('b', 'c')])",
    "tuple(1, 'a')", "CAST(('a', [1]), 'Tuple(name String, `the list` Array(UInt16))')",
    "CAST([(1, 'x')], 'Nested(n UInt64, s String)')", "toInt256(number)", "now64(3)",
    "CAST(map('a', 'b'), 'Map(LowCardinality(String), String)')",
]  # fmt: skip


@pytest.mark.parametrize("column", COLUMNS)
def test_only_what_clients_expect_is_added(store: Store, column: str) -> None:
    query = f"SELECT {column} AS c, 'end' AS e FROM numbers(9)"
    with store.client(Role.QUERY) as client:
        plain = client.raw_query(query, fmt="Native")
    told = with_protocol(plain, FLAGGED)
    assert told.startswith(INFO + b"\x02\x09")
    assert len(told) == len(plain) + len(INFO) + 2
    last = b"\x01e\x06String"
    assert told.endswith(last + b"\x00" + b"\x03end" * 9)
    assert plain.endswith(last + b"\x03end" * 9)


def test_all_blocks_of_an_answer_are_told(store: Store) -> None:
    with store.client(Role.QUERY) as client:
        plain = client.raw_query("SELECT number, 'x' AS s FROM numbers(200000)", fmt="Native")
    told = with_protocol(plain, FLAGGED)
    assert told.count(INFO) > 1
    assert len(told) == len(plain) + told.count(INFO) * (len(INFO) + 2)


def test_older_clients_get_what_the_engine_writes() -> None:
    assert with_protocol(b"\x01\x00\x01c\x05UInt8", FLAGGED - 1) == b"\x01\x00\x01c\x05UInt8"
    assert with_protocol(b"", FLAGGED) == b""


def test_a_type_of_unknown_length_is_refused(store: Store) -> None:
    with store.client(Role.QUERY) as client:
        plain = client.raw_query("SELECT sumState(1) AS c", fmt="Native")
    with pytest.raises(Refusal, match="AggregateFunction"):
        with_protocol(plain, FLAGGED)


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        ("UInt8", ("UInt8", [])),
        ("Map(String, Array(UInt8))", ("Map", ["String", "Array(UInt8)"])),
        ("Tuple(a UInt8, `b c` Map(String, String))", ("Tuple", ["UInt8", "Map(String, String)"])),
        ("Tuple(UInt8, Decimal(9, 2))", ("Tuple", ["UInt8", "Decimal(9, 2)"])),
        (r"Enum8('a,)' = 1, 'it\'s' = 2)", ("Enum8", ["'a,)' = 1", r"'it\'s' = 2"])),
    ],
)
def test_types_are_taken_apart(kind: str, parts: tuple[str, list[str]]) -> None:
    assert split_type(kind) == parts
