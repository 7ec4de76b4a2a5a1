"""Sessions: a handle that keeps temporary tables and settings from one request to the next."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sightline_core.clickhouse_http.refusal import (
    BAD_ARGUMENTS,
    SESSION_IS_LOCKED,
    SESSION_NOT_FOUND,
    TOO_MANY_QUERIES,
    Refusal,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_SESSIONS: Final = 1000
MAX_NAME: Final = 200


@dataclass(slots=True)
class _Session:
    handle: Any
    seconds: float
    busy: bool = False
    until: float = field(default=0.0)


class Sessions:
    """All sessions of the port; used from the event loop alone."""

    def __init__(self, open_handle: Callable[[], Any]) -> None:
        """Make handles with `open_handle`."""
        self._open = open_handle
        self._sessions: dict[str, _Session] = {}

    @contextlib.contextmanager
    def lent(self, name: str, seconds: float, *, must_exist: bool) -> Iterator[Any]:
        """Lend the handle of session `name`, which lives on for `seconds` afterwards.

        Raises:
            Refusal: it is in use, is not there, or there are too many.
        """
        self._expire()
        session = self._sessions.get(name)
        if session is None:
            session = self._make(name, seconds, must_exist=must_exist)
        if session.busy:
            raise Refusal(
                SESSION_IS_LOCKED, f"Session {name[:60]} is locked by a concurrent client"
            )
        session.busy, session.seconds = True, seconds
        try:
            yield session.handle
        finally:
            session.busy, session.until = False, time.monotonic() + session.seconds

    def close(self) -> None:
        """End them all."""
        for session in self._sessions.values():
            session.handle.close()
        self._sessions.clear()

    def _make(self, name: str, seconds: float, *, must_exist: bool) -> _Session:
        if must_exist:
            raise Refusal(SESSION_NOT_FOUND, f"Session {name[:60]} not found")
        if len(name) > MAX_NAME:
            raise Refusal(
                BAD_ARGUMENTS, f"cannot use a session_id of more than {MAX_NAME} characters"
            )
        if len(self._sessions) >= MAX_SESSIONS:
            raise Refusal(
                TOO_MANY_QUERIES, f"cannot open a session: there are {MAX_SESSIONS} of them"
            )
        session = self._sessions[name] = _Session(self._open(), seconds)
        return session

    def _expire(self) -> None:
        now = time.monotonic()
        ended = [
            name
            for name, session in self._sessions.items()
            if not session.busy and session.until < now
        ]
        for name in ended:
            self._sessions.pop(name).handle.close()
