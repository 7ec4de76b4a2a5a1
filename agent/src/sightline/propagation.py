"""How context crosses a process border: W3C trace context, baggage and the correlation headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry import baggage, context
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)

from sightline import correlation

if TYPE_CHECKING:
    from opentelemetry.context import Context

HEADER: Final = "x-correlation-id"
FALLBACK_HEADER: Final = "x-request-id"


class CorrelationPropagator(TextMapPropagator):
    """Adds the correlation id to what another propagator carries.

    Read, in this order: header `x-correlation-id`, baggage entry `correlation.id`, header
    `x-request-id` (last, because proxies make a new one at every hop). Written: the header and the
    baggage entry. A value that is too long or has unusual characters counts as absent.
    """

    def __init__(self, inner: TextMapPropagator, *, create: bool = False) -> None:
        """Wrap `inner`; `create` makes an id where none arrived and no trace will provide one."""
        self._inner = inner
        self._create = create

    @property
    def fields(self) -> set[str]:
        """Name the headers that `inject` may set."""
        return self._inner.fields | {HEADER}

    def extract(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        getter: Getter[CarrierT] = default_getter,
    ) -> Context:
        """Return a context with what the carrier says, the correlation id included."""
        arrived = self._inner.extract(carrier, context, getter)
        carried = baggage.get_baggage(correlation.ATTRIBUTE, arrived)
        candidates = (
            *(getter.get(carrier, HEADER) or ()),
            carried,
            *(getter.get(carrier, FALLBACK_HEADER) or ()),
        )
        for candidate in candidates:
            if isinstance(candidate, str) and correlation.acceptable(candidate):
                return correlation.put(candidate, arrived)
        if carried is not None:
            arrived = baggage.remove_baggage(correlation.ATTRIBUTE, arrived)
        if self._create and correlation.find(arrived) is None:
            return correlation.put(correlation.create(), arrived)
        return arrived

    def inject(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        setter: Setter[CarrierT] = default_setter,
    ) -> None:
        """Write trace context, baggage and the correlation id into the carrier."""
        sent = _current() if context is None else context
        value = correlation.find(sent)
        if value is not None:
            sent = correlation.put(value, sent)
            setter.set(carrier, HEADER, value)
        self._inner.inject(carrier, sent, setter)


def _current() -> Context:
    return context.get_current()
