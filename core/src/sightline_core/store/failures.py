"""Engine error codes, told apart by what to do about them (design D5).

Code 252 is two errors in one: too many parts passes, too many partitions never does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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
        434,  # PROTOBUF_BAD_CAST
        435,  # PROTOBUF_FIELD_NOT_REPEATED
        444,  # UNKNOWN_PROTOBUF_FORMAT
        636,  # CANNOT_EXTRACT_TABLE_STRUCTURE
    }
)
TRANSIENT = frozenset(
    {
        3,  # UNEXPECTED_END_OF_FILE
        107,  # FILE_DOESNT_EXIST
        159,  # TIMEOUT_EXCEEDED
        164,  # READONLY
        202,  # TOO_MANY_SIMULTANEOUS_QUERIES
        203,  # NO_FREE_CONNECTION
        209,  # SOCKET_TIMEOUT
        210,  # NETWORK_ERROR
        241,  # MEMORY_LIMIT_EXCEEDED
        242,  # TABLE_IS_READ_ONLY
        243,  # NOT_ENOUGH_SPACE
        285,  # TOO_FEW_LIVE_REPLICAS
        319,  # UNKNOWN_STATUS_OF_INSERT
        394,  # QUERY_WAS_CANCELLED
        425,  # SYSTEM_ERROR
        999,  # KEEPER_EXCEPTION
    }
)
TOO_MANY_PARTS = 252


def store_error(error: ClickHouseError) -> StoreError:
    """Return our error for an engine error; its message keeps the engine's own words."""
    code = getattr(error, "code", None)
    text = str(error).strip()
    if code in UNDECODABLE:
        return PoisonBatch(f"cannot decode the batch: {text}", code=code)
    if code in TRANSIENT or (code == TOO_MANY_PARTS and "partitions" not in text):
        return StoreUnavailable(f"cannot reach the store for now: {text}", code=code)
    return StoreError(f"cannot run the statement: {text}", code=code)
