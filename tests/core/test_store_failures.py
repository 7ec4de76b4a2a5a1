"""Engine errors are told apart by what to do about them."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING

import pytest
from clickhouse_connect.driver.exceptions import (
    ClickHouseError,
    DatabaseError,
    OperationalError,
    ProgrammingError,
)

from sightline_core.errors import PoisonBatch, StoreError, StoreUnavailable
from sightline_core.store import failures
from sightline_core.store.failures import TRANSIENT, UNDECODABLE, store_error

if TYPE_CHECKING:
    from sightline_core.store.client import Store


def test_no_code_is_in_two_classes() -> None:
    assert not TRANSIENT & UNDECODABLE
    assert failures.TOO_MANY_PARTS not in TRANSIENT | UNDECODABLE


def test_the_names_beside_the_codes_are_the_engine_s_own(store: Store) -> None:
    source = inspect.getsource(failures)
    named = {int(code): name for code, name in re.findall(r"(\d+),  # ([A-Z_]+)", source)}
    assert set(named) == TRANSIENT | UNDECODABLE
    codes = ", ".join(map(str, named))
    rows = store.rows(f"SELECT arrayJoin([{codes}]) AS code, errorCodeToName(code) AS name")
    assert {row["code"]: row["name"] for row in rows} == named


@pytest.mark.parametrize("code", sorted(UNDECODABLE))
def test_what_cannot_be_decoded_is_poison(code: int) -> None:
    error = store_error(DatabaseError(f"Code: {code}. DB::Exception: x", code=code))
    assert type(error) is PoisonBatch
    assert error.code == code


@pytest.mark.parametrize("code", sorted(TRANSIENT))
def test_what_passes_or_is_repaired_is_tried_again(code: int) -> None:
    error = store_error(DatabaseError(f"Code: {code}. DB::Exception: x", code=code))
    assert type(error) is StoreUnavailable
    assert error.code == code


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
        ("Too many partitions for single INSERT block (more than 100)", StoreError),
    ],
)
def test_code_252_waits_for_merges_but_not_for_partitions(
    message: str, kind: type[StoreError]
) -> None:
    assert type(store_error(DatabaseError(message, code=252))) is kind


def test_too_many_partitions_as_the_engine_says_it_is_no_reason_to_wait(store: Store) -> None:
    store.command("CREATE TABLE many (n UInt32) ENGINE = MergeTree PARTITION BY n ORDER BY n")
    with pytest.raises(StoreError, match="Too many partitions") as caught:
        store.command("INSERT INTO many SELECT number FROM numbers(200)")
    assert type(caught.value) is StoreError
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


def test_the_engine_s_own_words_are_kept() -> None:
    error = store_error(DatabaseError("Code: 49. DB::Exception: Logical error: x", code=49))
    assert "Logical error: x" in str(error)
    assert str(error).startswith("cannot ")
