"""Exporters that send spans and metrics without secrets; they work in the exporters' threads."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.metrics import Observation, get_meter
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Link, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from opentelemetry.metrics import CallbackOptions
    from opentelemetry.sdk.metrics.export import MetricsData
    from opentelemetry.util.types import Attributes

    from sightline_redaction.redactor import Redactor

T = TypeVar("T")


class RedactedSpans(SpanExporter):
    """Hides secrets in names, attributes, events, links and status; leaves the rest to another."""

    def __init__(self, inner: SpanExporter, redactor: Redactor) -> None:
        """Send through `inner`."""
        self._inner = inner
        self._redactor = redactor

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Redact and send."""
        return self._inner.export([_span(self._redactor, span) for span in spans])

    def shutdown(self) -> None:
        """Shut the exporter down that sends."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush the exporter that sends."""
        return self._inner.force_flush(timeout_millis)


class RedactedMetrics(MetricExporter):
    """Hides secrets in the attributes of data points and exemplars."""

    def __init__(self, inner: MetricExporter, redactor: Redactor) -> None:
        """Send through `inner`, with the temporality and aggregation that it prefers."""
        preferred: Any = inner  # the reader asks an exporter for them under these names
        super().__init__(preferred._preferred_temporality, preferred._preferred_aggregation)  # noqa: SLF001
        self._inner = preferred
        self._redactor = redactor

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
    ) -> MetricExportResult:
        """Redact and send."""
        shown = _metrics(self._redactor, metrics_data)
        result: MetricExportResult = self._inner.export(
            shown, timeout_millis=timeout_millis, **kwargs
        )
        return result

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Flush the exporter that sends."""
        return bool(self._inner.force_flush(timeout_millis))

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Shut the exporter down that sends."""
        self._inner.shutdown(timeout_millis=timeout_millis, **kwargs)


class RedactedSpan(ReadableSpan):
    """A span as it may be shown; it still says how much the limits cost the one it was made of."""

    def __init__(self, span: ReadableSpan, **shown: Any) -> None:
        """Take everything from `span` but what is given."""
        taken: dict[str, Any] = {
            "name": span.name, "context": span.get_span_context(), "parent": span.parent,
            "resource": span.resource, "attributes": span.attributes, "events": span.events,
            "links": span.links, "kind": span.kind, "status": span.status,
            "start_time": span.start_time, "end_time": span.end_time,
            "instrumentation_scope": span.instrumentation_scope,
        }  # fmt: skip
        super().__init__(**(taken | shown))
        self._whole = span

    @property
    def dropped_attributes(self) -> int:
        """Attributes that were too many."""
        return self._whole.dropped_attributes

    @property
    def dropped_events(self) -> int:
        """Events that were too many."""
        return self._whole.dropped_events

    @property
    def dropped_links(self) -> int:
        """Links that were too many."""
        return self._whole.dropped_links


def show_redacted(redactor: Redactor) -> None:
    """Make `sightline.sdk.redacted` a metric of the process: secrets hidden, by rule."""

    def observe(_: CallbackOptions) -> Iterable[Observation]:
        for rule, count in redactor.counts.items():
            yield Observation(count, {"rule": rule})

    meter = get_meter("sightline")
    meter.create_observable_counter("sightline.sdk.redacted", [observe], unit="{secret}")


def _span(redactor: Redactor, span: ReadableSpan) -> ReadableSpan:
    # Read once: a span makes another object for every question.
    before = (span.name, span.attributes, span.status, span.events, span.links)
    name, attributes, status, events, links = before
    after = (
        redactor.text(name),
        _attributes(redactor, attributes),
        _status(redactor, status),
        _each(_event, redactor, events),
        _each(_link, redactor, links),
    )
    if all(map(_is, before, after)):
        return span
    name, attributes, status, events, links = after
    return RedactedSpan(
        span, name=name, attributes=attributes, status=status, events=events, links=links
    )


def _each(show: Callable[[Redactor, T], T], redactor: Redactor, items: Sequence[T]) -> Sequence[T]:
    shown = [show(redactor, item) for item in items]
    return items if all(map(_is, items, shown)) else shown


def _status(redactor: Redactor, status: Status) -> Status:
    said = status.description
    shown = redactor.text(said) if said else said
    return status if shown is said else Status(status.status_code, shown)


def _event(redactor: Redactor, event: Event) -> Event:
    before = event.attributes
    name, attributes = redactor.text(event.name), _attributes(redactor, before)
    if name is event.name and attributes is before:
        return event
    return Event(name, attributes, event.timestamp)


def _link(redactor: Redactor, link: Link) -> Link:
    before = link.attributes
    attributes = _attributes(redactor, before)
    return link if attributes is before else Link(link.context, attributes)


def _attributes(redactor: Redactor, attributes: Attributes) -> Attributes:
    shown = redactor.mapping(attributes) if attributes else None
    if shown is None:
        return attributes
    kept = BoundedAttributes(attributes=shown, immutable=True)
    kept.dropped = getattr(attributes, "dropped", 0)
    return kept


def _metrics(redactor: Redactor, tree: Any) -> Any:
    """Return a tree of metrics data as it may be shown, the same object if it may be as it is."""
    if isinstance(tree, (list, tuple)):
        before = cast("Sequence[Any]", tree)
        items = [_metrics(redactor, item) for item in before]
        return before if all(map(_is, before, items)) else items
    if not is_dataclass(tree) or isinstance(tree, type):
        return tree
    changed: dict[str, Any] = {}
    for one in fields(tree):
        value: Any = getattr(tree, one.name)
        if one.name in _SERIES:
            shown = _attributes(redactor, value)
        else:
            shown = _metrics(redactor, value) if one.name in _BRANCHES else value
        if shown is not value:
            changed[one.name] = shown
    return replace(tree, **changed) if changed else tree


_SERIES = frozenset({"attributes", "filtered_attributes"})
_BRANCHES = frozenset(
    {"resource_metrics", "scope_metrics", "metrics", "data", "data_points", "exemplars"}
)


def _is(one: object, other: object) -> bool:
    return one is other
