"""Context in message headers: what carries a request over a queue."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry import context, propagate

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping, MutableMapping


def inject(carrier: MutableMapping[str, str]) -> MutableMapping[str, str]:
    """Write trace context, baggage and correlation id into message headers; return the headers."""
    propagate.inject(carrier)
    return carrier


@contextmanager
def extracted(
    carrier: Mapping[str, str | bytes] | Iterable[tuple[str, str | bytes]],
) -> Generator[None]:
    """Run the block in the context that a message brought.

    Spans started inside belong to the sender's trace, log lines carry its correlation id.

    Args:
        carrier: the headers, as a mapping or as pairs (Kafka); values may be bytes.
            Damaged headers count as absent.
    """
    headers = {key.lower(): _text(value) for key, value in dict(carrier).items()}
    token = context.attach(propagate.extract(headers))
    try:
        yield
    finally:
        context.detach(token)


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
