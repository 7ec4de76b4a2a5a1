"""What the SDK says about itself: `otel.sdk.*` metrics, without their price per span.

OpenTelemetry counts every span three times when OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED is true,
which costs more than the span itself. So that variable is set only while processors and exporters
are made, which count per batch; spans and log records are counted here. Whoever sets the variable
decides: then nothing of this module happens.
"""

from __future__ import annotations

import os
from collections import defaultdict
from contextlib import contextmanager
from threading import get_ident
from typing import TYPE_CHECKING, Final

from opentelemetry.metrics import Observation, get_meter
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from opentelemetry.context import Context
    from opentelemetry.metrics import CallbackOptions
    from opentelemetry.trace import Link, SpanKind
    from opentelemetry.trace.span import TraceState
    from opentelemetry.util.types import Attributes

VARIABLE: Final = "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED"
_SCOPE: Final = "opentelemetry-sdk"


@contextmanager
def counting() -> Generator[bool]:
    """Make processors and exporters inside count their batches.

    Gives whether spans and log records are left to be counted here.
    """
    if VARIABLE in os.environ:
        yield False
        return
    os.environ[VARIABLE] = "true"
    try:
        yield True
    finally:
        del os.environ[VARIABLE]


class Count:
    """A number that many threads raise, each its own part: there is no lock to wait for.

    A lock that another thread holds at a fork would stay locked in the child for ever.
    """

    def __init__(self) -> None:
        """Begin at 0."""
        self._parts: defaultdict[int, int] = defaultdict(int)

    @property
    def value(self) -> int:
        """Return the sum."""
        return sum(list(self._parts.values()))

    def add(self) -> None:
        """Raise it by one."""
        self._parts[get_ident()] += 1


class CountingSampler(Sampler):
    """Counts what another sampler decides."""

    def __init__(self, inner: Sampler) -> None:
        """Leave the decisions to `inner`."""
        self._inner = inner
        self.sampled = Count()
        self.recorded = Count()
        self.dropped = Count()

    def should_sample(  # noqa: PLR0913, PLR0917 - the interface
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Decide as `inner` does."""
        result = self._inner.should_sample(
            parent_context, trace_id, name, kind, attributes, links, trace_state
        )
        if result.decision is Decision.RECORD_AND_SAMPLE:
            self.sampled.add()
        elif result.decision is Decision.DROP:
            self.dropped.add()
        else:
            self.recorded.add()
        return result

    def get_description(self) -> str:
        """Describe the sampler that decides."""
        return self._inner.get_description()


def show_spans(sampler: CountingSampler, ended: Count) -> None:
    """Make `otel.sdk.span.started` and `otel.sdk.span.live` metrics of the process."""
    results = {
        "RECORD_AND_SAMPLE": sampler.sampled,
        "RECORD_ONLY": sampler.recorded,
        "DROP": sampler.dropped,
    }

    def started(_: CallbackOptions) -> Iterable[Observation]:
        for result, count in results.items():
            if count.value:
                yield Observation(count.value, {"otel.span.sampling_result": result})

    def live(_: CallbackOptions) -> Iterable[Observation]:
        recording = sampler.sampled.value + sampler.recorded.value
        yield Observation(max(0, recording - ended.value))

    meter = get_meter(_SCOPE)
    meter.create_observable_counter("otel.sdk.span.started", [started], unit="{span}")
    meter.create_observable_up_down_counter("otel.sdk.span.live", [live], unit="{span}")


def show(name: str, unit: str, value: Callable[[], int]) -> None:
    """Make a monotonic metric of the process from a number that is counted elsewhere."""

    def observe(_: CallbackOptions) -> Iterable[Observation]:
        yield Observation(value())

    get_meter(_SCOPE).create_observable_counter(name, [observe], unit=unit)
