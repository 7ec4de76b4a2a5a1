"""Answers other than 200: the engine's error codes, and the status that ClickHouse gives each."""

from __future__ import annotations

import re
from typing import Final

_CODE = re.compile(r"Code: (\d+)\. ")

SYNTAX_ERROR: Final = 62
READONLY: Final = 164
NOT_IMPLEMENTED: Final = 48
BAD_ARGUMENTS: Final = 36
TOO_MANY_QUERIES: Final = 202
NOT_ENOUGH_SPACE: Final = 243
SESSION_NOT_FOUND: Final = 372
SESSION_IS_LOCKED: Final = 373
ACCESS_DENIED: Final = 497
AUTHENTICATION_FAILED: Final = 516
TOO_LARGE: Final = 307

_NAMES: Final = {
    SYNTAX_ERROR: "SYNTAX_ERROR",
    READONLY: "READONLY",
    NOT_IMPLEMENTED: "NOT_IMPLEMENTED",
    BAD_ARGUMENTS: "BAD_ARGUMENTS",
    TOO_MANY_QUERIES: "TOO_MANY_SIMULTANEOUS_QUERIES",
    NOT_ENOUGH_SPACE: "NOT_ENOUGH_SPACE",
    SESSION_NOT_FOUND: "SESSION_NOT_FOUND",
    SESSION_IS_LOCKED: "SESSION_IS_LOCKED",
    ACCESS_DENIED: "ACCESS_DENIED",
    AUTHENTICATION_FAILED: "AUTHENTICATION_FAILED",
    TOO_LARGE: "TOO_MANY_BYTES",
}
# As the server maps them; every other code is a 500.
_STATUS: Final = {
    400: {6, 25, 26, 27, 36, 38, 41, 43, 44, 53, 56, 62, 69, 72, 117, 167, 168, 191, 223, 427},
    401: {194},
    403: {192, 193, 291, 497, 516},
    404: {46, 47, 50, 60, 63, 73, 78, 81, 115, 372},
    408: {159},
    413: {307},
    501: {48},
    503: {76, 202, 209, 439},
}


class Refusal(Exception):  # noqa: N818 - it is an answer
    """The request ends here.

    Attributes:
        code: the engine's error code.
        status: the HTTP status.
        text: what the body says.
    """

    def __init__(self, code: int, message: str) -> None:
        """Refuse for a reason of our own."""
        super().__init__(message)
        self.code = code
        self.text = f"Code: {code}. DB::Exception: {message}. ({_NAMES[code]})"

    @property
    def status(self) -> int:
        """Return the HTTP status of the code."""
        return status_of(self.code)


class EngineRefusal(Refusal):
    """What the engine said, in its own words."""

    def __init__(self, message: str) -> None:
        """Read the code from the message."""
        Exception.__init__(self, message)
        start = message.find("Code: ")
        self.text = message[max(start, 0) :].strip()
        match = _CODE.match(self.text)
        self.code = int(match[1]) if match else 1002


def status_of(code: int) -> int:
    """Return the HTTP status with which ClickHouse answers an error code."""
    return next((status for status, codes in _STATUS.items() if code in codes), 500)
