"""`span(...)`: a piece of work, timed, as a block or as a decorator."""

from __future__ import annotations

import functools
import inspect
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Literal, ParamSpec, TypeVar, cast

from opentelemetry import context, trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from sightline import correlation
from sightline.attributes import clean, text
from sightline.failures import describe, type_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextvars import Token
    from types import TracebackType

    from opentelemetry.context import Context
    from opentelemetry.trace import Link, Span

Kind = Literal["internal", "server", "client", "producer", "consumer"]
P = ParamSpec("P")
R = TypeVar("R")

_KINDS: Final[dict[str, SpanKind]] = {kind.name.lower(): kind for kind in SpanKind}
_SCOPE: Final = "sightline"
_RECORDED: Final = "_sightline_recorded_in"


def span(
    name: str,
    attributes: Mapping[str, object] | None = None,
    /,
    *,
    kind: Kind = "internal",
    links: Sequence[Link] = (),
    **fields: object,
) -> SpanScope:
    """Time a piece of work: a `with` block, or a function as its decorator.

    The span is the current one inside; `with … as s` gives the OpenTelemetry span. An exception
    that leaves it sets the status to error and is recorded as an event once per trace, on the
    innermost span; it is raised on unchanged. Works on plain and `async` functions.

    Args:
        name: what is done, the same words every time; what varies belongs in attributes.
        attributes: those whose names are no Python names, as in `{"db.system.name": "sqlite"}`.
        kind: the role in a call: client and server, producer and consumer, or internal.
        links: other spans that caused this one.
        fields: more attributes. Values that OpenTelemetry does not take become text.
    """
    return SpanScope(name, {**(attributes or {}), **fields}, kind, links)


class SpanScope:
    """What `span` returns: starts its span when entered, or anew for every call it decorates."""

    def __init__(
        self, name: str, fields: Mapping[str, object], kind: Kind, links: Sequence[Link]
    ) -> None:
        """Remember what the span will be."""
        self._name = name
        self._fields = fields
        self._kind: Kind = kind
        self._links = links
        self._span: Span = trace.INVALID_SPAN
        self._token: Token[Context] | None = None

    def __enter__(self) -> Span:
        """Start the span and make it the current one."""
        self._span = trace.get_tracer(_SCOPE).start_span(
            self._name,
            kind=_KINDS.get(self._kind, SpanKind.INTERNAL),
            attributes=clean(self._fields),
            links=self._links,
        )
        inside = trace.set_span_in_context(self._span)
        if correlation.find(inside) is None:
            inside = correlation.put(correlation.create(), inside)
        self._token = context.attach(inside)
        return self._span

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the span; note the exception that leaves it, if it is an error."""
        if isinstance(error, Exception):
            fail(self._span, error)
        self._span.end()
        if self._token is not None:
            context.detach(self._token)
            self._token = None

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Decorate a function: every call runs in a span of its own."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def run_async(*args: P.args, **kwargs: P.kwargs) -> Any:
                with self._again():
                    return await function(*args, **kwargs)

            return cast("Callable[P, R]", run_async)

        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            with self._again():
                return function(*args, **kwargs)

        return run

    def _again(self) -> SpanScope:
        return SpanScope(self._name, self._fields, self._kind, self._links)


def fail(current: Span, error: Exception) -> None:
    """Mark a span as failed; record the exception unless an inner span of the trace has it."""
    current.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {text(error)}"))
    current.set_attribute("error.type", type_name(error))
    trace_id = current.get_span_context().trace_id
    if getattr(error, _RECORDED, None) == trace_id:
        return
    current.add_event("exception", describe(error))
    with suppress(AttributeError, TypeError):  # a class with slots, or one that forbids it
        setattr(error, _RECORDED, trace_id)
