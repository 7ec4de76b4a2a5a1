"""The correlation id: one value that follows a request through every service and message.

It comes from outside (header or baggage) or is the id of the trace that starts here, so that every
service that a trace reaches agrees on it without being told. It travels as baggage in the context;
whatever is not said there is derived from the current trace.
"""

from __future__ import annotations

import logging
import re
import uuid
from typing import TYPE_CHECKING, Final

from opentelemetry import baggage, context, trace

if TYPE_CHECKING:
    from contextvars import Token
    from types import TracebackType

    from opentelemetry.context import Context

ATTRIBUTE: Final = "correlation.id"
"""Name of the span attribute, the log attribute and the baggage entry."""

_ACCEPTED: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=@-]{0,127}")
_log = logging.getLogger(__name__)


def correlation_id() -> str | None:
    """Return the correlation id of the running code, None outside of every request and span."""
    return find()


def bind_correlation_id(value: str) -> Binding:
    """Give the running code this correlation id, and all that it starts or calls from here on.

    Lasts until the surrounding task, request or thread ends, or to the end of the block when used
    as `with bind_correlation_id(value):`. A value of more than 128 characters, or of other
    characters than letters, digits and `._:/+=@-`, is not taken; a warning is logged.
    """
    if not acceptable(value):
        _log.warning("cannot bind correlation id: 1 to 128 of A-Z a-z 0-9 ._:/+=@- are allowed")
        return Binding(None)
    trace.get_current_span().set_attribute(ATTRIBUTE, value)
    return Binding(context.attach(put(value)))


class Binding:
    """A correlation id that is in force; leaving its block restores the one before."""

    def __init__(self, token: Token[Context] | None) -> None:
        """Take the token that undoes the binding; None when there is nothing to undo."""
        self._token = token

    def __enter__(self) -> None:
        """Do nothing: the id is bound already."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Restore the correlation id that was in force before."""
        if self._token is not None:
            context.detach(self._token)
            self._token = None


def acceptable(value: object) -> bool:
    """Tell whether a value from outside may become a correlation id."""
    return isinstance(value, str) and _ACCEPTED.fullmatch(value) is not None


def find(within: Context | None = None) -> str | None:
    """Return the correlation id of a context (default: the current one)."""
    carried = baggage.get_baggage(ATTRIBUTE, within)
    if isinstance(carried, str):
        return carried
    current = trace.get_current_span(within).get_span_context()
    return trace.format_trace_id(current.trace_id) if current.is_valid else None


def put(value: str, within: Context | None = None) -> Context:
    """Return a context that carries this correlation id."""
    return baggage.set_baggage(ATTRIBUTE, value, within)


def create() -> str:
    """Return a new correlation id, for when there is no trace to take it from."""
    return str(uuid.uuid4())
