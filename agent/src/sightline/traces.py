"""The tracer provider of the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from sightline import correlation
from sightline.counted import Count, CountingSampler, show_spans
from sightline.runtime import Signal

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan, Span
    from opentelemetry.sdk.trace.export import SpanExporter


class CorrelationSpans(SpanProcessor):
    """Puts the correlation id on every span, whoever makes it."""

    def __init__(self) -> None:
        """Count the spans that end."""
        self.ended = Count()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Set `correlation.id`: what the context carries, or the span's own trace id."""
        value = correlation.find(parent_context)
        if value is None:
            value = trace.format_trace_id(span.get_span_context().trace_id)
        span.set_attribute(correlation.ATTRIBUTE, value)

    def on_end(self, span: ReadableSpan) -> None:  # noqa: ARG002 - the interface
        """Count it."""
        self.ended.add()


def start_traces(resource: Resource, exporter: SpanExporter | None, *, count: bool) -> Signal:
    """Make the process's tracer provider, or extend the one that somebody made before.

    With `count`, spans are counted for `otel.sdk.*` metrics. The sampler is what
    OTEL_TRACES_SAMPLER says, by default every trace.
    """
    existing = trace.get_tracer_provider()
    if isinstance(existing, TracerProvider):
        existing.add_span_processor(CorrelationSpans())
        return Signal(existing.force_flush, existing.force_flush)
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    correlate = CorrelationSpans()
    provider.add_span_processor(correlate)
    if count:
        provider.sampler = CountingSampler(provider.sampler)
        show_spans(provider.sampler, correlate.ended)
    if exporter is not None:
        provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return Signal(provider.force_flush, provider.shutdown, ours=(provider,))
