"""Times as the API takes and gives them: RFC 3339 or unix nanoseconds in, nine digits out."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Final

from fastapi import Depends, Query

from sightline_query_api.problems import bad_request

SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
DEFAULT_RANGE: Final = 3600 * SECOND
LATEST: Final = (1 << 63) - 1
"""The last instant that the store can hold, in 2262."""

_RFC3339: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?([Zz]|([+-])(\d\d):(\d\d))",
    re.ASCII,
)
_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400)


@dataclass(frozen=True, slots=True)
class Window:
    """A range of time, `start` included, `end` not; unix nanoseconds."""

    start: int
    end: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.end - self.start) / SECOND

    def parameters(self) -> dict[str, int]:
        """Return what the SQL files call `start` and `end`."""
        return {"start": self.start, "end": self.end}


def parse_time(text: str) -> int:
    """Return unix nanoseconds for RFC 3339 (any offset, up to nine decimals) or digits.

    Raises:
        ValueError: it is neither, or before 1970 or after 2262.
    """
    if text.isascii() and text.isdigit():
        if len(text) > 19 or int(text) > LATEST:
            raise ValueError("is after the year 2262")
        return int(text)
    match = _RFC3339.fullmatch(text)
    if not match:
        raise ValueError("is neither RFC 3339 (2026-01-31T12:00:00Z) nor unix nanoseconds")
    offset = UTC
    if match[9]:
        ahead = timedelta(hours=int(match[10]), minutes=int(match[11]))
        offset = timezone(ahead if match[9] == "+" else -ahead)
    moment = datetime(*(int(match[part]) for part in range(1, 7)), tzinfo=offset)  # type: ignore[misc, arg-type]
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    nanoseconds = (since.days * 86400 + since.seconds) * SECOND + int(
        (match[7] or "").ljust(9, "0")
    )
    if not 0 <= nanoseconds <= LATEST:
        raise ValueError("is not between 1970 and 2262")
    return nanoseconds


def rfc3339(unix_nano: int) -> str:
    """Return the time in UTC with nine decimals."""
    seconds, rest = divmod(unix_nano, SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def window(
    start: Annotated[
        str | None,
        Query(description="RFC 3339 or unix nanoseconds; default: one hour before `end`"),
    ] = None,
    end: Annotated[
        str | None, Query(description="RFC 3339 or unix nanoseconds; default: now")
    ] = None,
) -> Window:
    """Return the asked range; the last hour if nothing is asked."""
    until = _parameter("end", end) if end else time.time_ns()
    since = _parameter("start", start) if start else max(0, until - DEFAULT_RANGE)
    if since >= until:
        raise bad_request("cannot use start and end: start must be before end")
    return Window(since, until)


Range = Annotated[Window, Depends(window)]


def step_seconds(span: Window, *, most: int, least: int = 1) -> int:
    """Return a round step that cuts the range into at most `most` parts."""
    fitting = (step for step in _STEPS if step >= least and span.seconds / step <= most)
    days = int(span.seconds / 86400 / most) + 1
    return next(fitting, days * 86400)


def _parameter(name: str, text: str) -> int:
    try:
        return parse_time(text)
    except (ValueError, OverflowError) as error:
        raise bad_request(f"cannot use {name}={text[:60]!r}: it {error}") from None
