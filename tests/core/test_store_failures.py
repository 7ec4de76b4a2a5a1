"""Engine errors are told apart by what to do about them."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING

import pytest
from clickhouse_connect.driver._backend.httpcommon import build_http_error
from clickhouse_connect.driver.exceptions import (
    ClickHouseError,
    DatabaseError,
    OperationalError,
    ProgrammingError,
)

from sightline_core.errors import OutOfMemory, StoreError, StoreUnavailable, TooManyPartitions
from sightline_core.store import failures
from sightline_core.store.failures import CODES, TOO_MANY_PARTS, WORDS, store_error

if TYPE_CHECKING:
    from sightline_core.store.client import Store

ALL_CODES = [(kind, code) for kind, codes in CODES.items() for code in sorted(codes)]


def test_no_code_is_in_two_classes_and_every_class_has_words() -> None:
    codes = [code for _, code in ALL_CODES]
    assert len(codes) == len(set(codes))
    assert TOO_MANY_PARTS not in codes
    assert set(WORDS) == {*CODES, TooManyPartitions, StoreError}


def test_the_names_beside_the_codes_are_the_engine_s_own(store: Store) -> None:
    source = inspect.getsource(failures)
    named = {int(code): name for code, name in re.findall(r"(\d+),  # ([A-Z_]+)", source)}
    assert set(named) == {code for _, code in ALL_CODES}
    codes = ", ".join(map(str, named))
    rows = store.rows(f"SELECT arrayJoin([{codes}]) AS code, errorCodeToName(code) AS name")
    assert {row["code"]: row["name"] for row in rows} == named


@pytest.mark.parametrize(("kind", "code"), ALL_CODES)
def test_a_code_becomes_the_error_of_its_class(kind: type[StoreError], code: int) -> None:
    error = store_error(DatabaseError(f"Code: {code}. DB::Exception: x", code=code))
    assert type(error) is kind
    assert error.code == code
    assert str(error).startswith(WORDS[kind])


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (
            "Too many parts (3001 with average size of 1.00 KiB) in table 't'. Merges are slow",
            StoreUnavailable,
        ),
        (
            "Too many parts (100000) in all partitions in total in table 't'. Wrong key",
            StoreUnavailable,
        ),
        ("Too many partitions for single INSERT block (more than 100)", TooManyPartitions),
    ],
)
def test_code_252_waits_for_merges_but_not_for_partitions(
    message: str, kind: type[StoreError]
) -> None:
    assert type(store_error(DatabaseError(message, code=252))) is kind


def test_too_many_partitions_as_the_engine_says_it_is_no_reason_to_wait(store: Store) -> None:
    store.command("CREATE TABLE many (n UInt32) ENGINE = MergeTree PARTITION BY n ORDER BY n")
    with pytest.raises(TooManyPartitions, match="Too many partitions") as caught:
        store.command("INSERT INTO many SELECT number FROM numbers(200)")
    assert caught.value.code == 252
    store.command("DROP TABLE many")


def test_too_many_parts_as_the_engine_says_it_is_waited_out(store: Store) -> None:
    store.command(
        "CREATE TABLE crowded (n UInt32) ENGINE = MergeTree ORDER BY n "
        "SETTINGS parts_to_throw_insert = 2, parts_to_delay_insert = 1, max_delay_to_insert = 1"
    )
    store.command("SYSTEM STOP MERGES crowded")
    store.command("INSERT INTO crowded VALUES (1)")
    store.command("INSERT INTO crowded VALUES (1)")
    with pytest.raises(StoreUnavailable, match="Too many parts") as caught:
        store.command("INSERT INTO crowded VALUES (1)")
    assert caught.value.code == 252
    store.command("DROP TABLE crowded")


def test_an_error_without_a_code_is_unavailability_only_when_nobody_answered() -> None:
    assert type(store_error(OperationalError("connection refused"))) is StoreUnavailable
    assert type(store_error(ProgrammingError("no such parameter"))) is StoreError
    assert type(store_error(ClickHouseError("what"))) is StoreError


def answer(status: int, code: str | None, body: str) -> DatabaseError:
    """Return what the client makes of an HTTP answer."""
    return build_http_error(
        status, code, body, show_clickhouse_errors=True, url="http://store", retried=False
    )


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_proxy_that_answers_for_a_store_that_is_away_is_unavailability(status: int) -> None:
    error = answer(status, None, "<html>bad gateway</html>")
    assert type(store_error(error)) is StoreUnavailable


def test_a_proxy_that_refuses_the_request_is_no_unavailability() -> None:
    error = answer(413, None, "<html>too large</html>")
    assert type(store_error(error)) is StoreError


def test_an_engine_s_code_decides_whatever_the_status() -> None:
    error = answer(500, "241", "Code: 241. DB::Exception: x")
    assert type(store_error(error)) is OutOfMemory


def test_the_engine_s_own_words_are_kept() -> None:
    error = store_error(DatabaseError("Code: 49. DB::Exception: Logical error: x", code=49))
    assert "Logical error: x" in str(error)
    assert str(error).startswith("cannot ")
