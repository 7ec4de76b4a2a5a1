"""Cursors: where a listing stopped, opaque to callers, checked when they come back."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Annotated, Any, Final

from fastapi import Query

from sightline_query_api.problems import bad_request

MAX_LIMIT: Final = 1000
_MAX_LENGTH: Final = 2048

Cursor = Annotated[
    str | None, Query(description="`next_cursor` of the page before", max_length=_MAX_LENGTH)
]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="items of a page")]


def encode(listing: str, *position: str | int) -> str:
    """Return a cursor of `listing` that holds `position`."""
    text = json.dumps([listing, *position], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(cursor: str | None, listing: str, *kinds: type[str | int]) -> list[Any]:
    """Return the position in a cursor that `encode` made, empty without a cursor.

    Raises:
        Problem: it is no cursor of this listing.
    """
    if not cursor:
        return []
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        name, *position = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, TypeError, RecursionError, binascii.Error):
        raise _no_cursor() from None
    right = len(position) == len(kinds) and all(
        type(value) is kind and (isinstance(value, str) or 0 <= value < 1 << 64)
        for value, kind in zip(position, kinds, strict=True)
    )
    if name != listing or not right:
        raise _no_cursor()
    return list(position)


def _no_cursor() -> Exception:
    return bad_request(
        "cannot use cursor: it must be the next_cursor of an answer to the same request"
    )
