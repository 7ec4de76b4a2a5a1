"""Engine error codes, told apart by what to do about them (design D5).

The pipeline acts by the class of the error, see docs/pipeline.md. Code 252 is two errors in one:
too many parts passes, too many partitions never does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from clickhouse_connect.driver.exceptions import OperationalError

from sightline_core.errors import (
    OutOfMemory,
    PoisonBatch,
    SchemaMismatch,
    StoreDenied,
    StoreError,
    StoreUnavailable,
    TooManyPartitions,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clickhouse_connect.driver.exceptions import ClickHouseError

CODES: Final[Mapping[type[StoreError], frozenset[int]]] = {
    PoisonBatch: frozenset(
        {
            6,  # CANNOT_PARSE_TEXT
            25,  # CANNOT_PARSE_ESCAPE_SEQUENCE
            26,  # CANNOT_PARSE_QUOTED_STRING
            27,  # CANNOT_PARSE_INPUT_ASSERTION_FAILED
            32,  # ATTEMPT_TO_READ_AFTER_EOF
            33,  # CANNOT_READ_ALL_DATA
            69,  # ARGUMENT_OUT_OF_BOUND
            72,  # CANNOT_PARSE_NUMBER
            117,  # INCORRECT_DATA
            128,  # TOO_LARGE_ARRAY_SIZE
            131,  # TOO_LARGE_STRING_SIZE
            436,  # PROTOBUF_BAD_CAST
            437,  # PROTOBUF_FIELD_NOT_REPEATED
            444,  # UNKNOWN_PROTOBUF_FORMAT
            469,  # VIOLATED_CONSTRAINT
            636,  # CANNOT_EXTRACT_TABLE_STRUCTURE
        }
    ),
    StoreUnavailable: frozenset(
        {
            3,  # UNEXPECTED_END_OF_FILE
            74,  # CANNOT_READ_FROM_FILE_DESCRIPTOR
            75,  # CANNOT_WRITE_TO_FILE_DESCRIPTOR
            76,  # CANNOT_OPEN_FILE
            107,  # FILE_DOESNT_EXIST
            159,  # TIMEOUT_EXCEEDED
            198,  # DNS_ERROR
            202,  # TOO_MANY_SIMULTANEOUS_QUERIES
            203,  # NO_FREE_CONNECTION
            209,  # SOCKET_TIMEOUT
            210,  # NETWORK_ERROR
            236,  # ABORTED
            242,  # TABLE_IS_READ_ONLY
            243,  # NOT_ENOUGH_SPACE
            285,  # TOO_FEW_LIVE_REPLICAS
            319,  # UNKNOWN_STATUS_OF_INSERT
            394,  # QUERY_WAS_CANCELLED
            425,  # SYSTEM_ERROR
            439,  # CANNOT_SCHEDULE_TASK
            473,  # DEADLOCK_AVOIDED
            999,  # KEEPER_EXCEPTION
        }
    ),
    OutOfMemory: frozenset(
        {
            173,  # CANNOT_ALLOCATE_MEMORY
            241,  # MEMORY_LIMIT_EXCEEDED
        }
    ),
    StoreDenied: frozenset(
        {
            164,  # READONLY
            192,  # UNKNOWN_USER
            193,  # WRONG_PASSWORD
            194,  # REQUIRED_PASSWORD
            195,  # IP_ADDRESS_NOT_ALLOWED
            497,  # ACCESS_DENIED
            516,  # AUTHENTICATION_FAILED
        }
    ),
    SchemaMismatch: frozenset(
        {
            16,  # NO_SUCH_COLUMN_IN_TABLE
            60,  # UNKNOWN_TABLE
            81,  # UNKNOWN_DATABASE
            434,  # CANNOT_PARSE_PROTOBUF_SCHEMA
        }
    ),
}
"""Codes by the error that they become; every other code is a plain `StoreError`."""
WORDS: Final[Mapping[type[StoreError], str]] = {
    PoisonBatch: "cannot decode the batch",
    StoreUnavailable: "cannot reach the store for now",
    OutOfMemory: "cannot run the statement in the memory that is left",
    StoreDenied: "cannot use the store as this user",
    SchemaMismatch: "cannot find what the store should hold",
    TooManyPartitions: "cannot insert into so many partitions at once",
    StoreError: "cannot run the statement",
}
TOO_MANY_PARTS: Final = 252
NOBODY_ANSWERED: Final = re.compile(r"HTTP driver received HTTP status (5\d\d|408|429)\b")
"""What clickhouse-connect says of an answer without an engine's code: a proxy spoke for it."""
_KIND_OF_CODE: Final = {code: kind for kind, codes in CODES.items() for code in codes}


def store_error(error: ClickHouseError) -> StoreError:
    """Return our error for an engine error; its message keeps the engine's own words."""
    text = engine_words(error)
    code = getattr(error, "code", None)
    kind = _kind(error, code, text)
    return kind(f"{WORDS[kind]}: {text}", code=code)


def _kind(error: ClickHouseError, code: int | None, text: str) -> type[StoreError]:
    if code == TOO_MANY_PARTS:
        return TooManyPartitions if "Too many partitions" in text else StoreUnavailable
    if code is None:
        away = isinstance(error, OperationalError) or NOBODY_ANSWERED.match(text)
        return StoreUnavailable if away else StoreError
    return _KIND_OF_CODE.get(code, StoreError)


def engine_words(error: ClickHouseError) -> str:
    """Return what the engine says, in one line and without its stack trace."""
    said = str(error).partition(", Stack trace (when copying this message")[0]
    return " ".join(said.split())
