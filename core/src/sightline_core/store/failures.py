"""Engine error codes, told apart by what to do about them (design D5).

Code 252 is two errors in one: too many parts passes, too many partitions never does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clickhouse_connect.driver.exceptions import OperationalError

from sightline_core.errors import PoisonBatch, StoreError, StoreUnavailable

if TYPE_CHECKING:
    from clickhouse_connect.driver.exceptions import ClickHouseError

UNDECODABLE = frozenset(
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
)
# What passes, and what a person must repair: in both cases the data waits on the bus meanwhile.
TRANSIENT = frozenset(
    {
        3,  # UNEXPECTED_END_OF_FILE
        60,  # UNKNOWN_TABLE
        74,  # CANNOT_READ_FROM_FILE_DESCRIPTOR
        75,  # CANNOT_WRITE_TO_FILE_DESCRIPTOR
        76,  # CANNOT_OPEN_FILE
        81,  # UNKNOWN_DATABASE
        107,  # FILE_DOESNT_EXIST
        159,  # TIMEOUT_EXCEEDED
        164,  # READONLY
        173,  # CANNOT_ALLOCATE_MEMORY
        198,  # DNS_ERROR
        202,  # TOO_MANY_SIMULTANEOUS_QUERIES
        203,  # NO_FREE_CONNECTION
        209,  # SOCKET_TIMEOUT
        210,  # NETWORK_ERROR
        236,  # ABORTED
        241,  # MEMORY_LIMIT_EXCEEDED
        242,  # TABLE_IS_READ_ONLY
        243,  # NOT_ENOUGH_SPACE
        285,  # TOO_FEW_LIVE_REPLICAS
        319,  # UNKNOWN_STATUS_OF_INSERT
        394,  # QUERY_WAS_CANCELLED
        425,  # SYSTEM_ERROR
        434,  # CANNOT_PARSE_PROTOBUF_SCHEMA
        439,  # CANNOT_SCHEDULE_TASK
        473,  # DEADLOCK_AVOIDED
        497,  # ACCESS_DENIED
        516,  # AUTHENTICATION_FAILED
        999,  # KEEPER_EXCEPTION
    }
)
TOO_MANY_PARTS = 252


def store_error(error: ClickHouseError) -> StoreError:
    """Return our error for an engine error; its message keeps the engine's own words."""
    code = getattr(error, "code", None)
    text = engine_words(error)
    if code in UNDECODABLE:
        return PoisonBatch(f"cannot decode the batch: {text}", code=code)
    too_many_parts = code == TOO_MANY_PARTS and "Too many partitions" not in text
    unanswered = code is None and isinstance(error, OperationalError)
    if code in TRANSIENT or too_many_parts or unanswered:
        return StoreUnavailable(f"cannot reach the store for now: {text}", code=code)
    return StoreError(f"cannot run the statement: {text}", code=code)


def engine_words(error: ClickHouseError) -> str:
    """Return what the engine says, in one line and without its stack trace."""
    said = str(error).partition(", Stack trace (when copying this message")[0]
    return " ".join(said.split())
