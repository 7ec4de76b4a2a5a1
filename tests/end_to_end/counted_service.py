"""A service with a real SDK, told on stdin what to do: `python counted_service.py ENDPOINT NAME`.

Each line is a step, answered with `done` on stdout. `work N` makes N spans and N log records,
`queue N` makes N spans without waiting, `taken` returns when the exporter has taken all that is
queued, `large BYTES` makes a span with an attribute of that size, `flush` sends everything.
"""

from __future__ import annotations

import sys
import time

from opentelemetry import trace

import sightline


def main() -> None:
    """Do as told until stdin ends."""
    endpoint, name = sys.argv[1:]
    sightline.configure(service=name, endpoint=endpoint, console="none")
    for line in sys.stdin:
        step, _, number = line.strip().partition(" ")
        STEPS[step](int(number or 0))
        sys.stdout.write("done\n")
        sys.stdout.flush()


def work(count: int) -> None:
    """Make spans, each with a log record."""
    for number in range(count):
        with sightline.span("work"):
            sightline.get_logger("counted").info("worked", number=number)


def queue(count: int) -> None:
    """Make spans faster than they are sent."""
    tracer = trace.get_tracer("counted")
    for _ in range(count):
        tracer.start_span("queued").end()


def taken(_: int) -> None:
    """Wait until nothing is queued any more."""
    provider = trace.get_tracer_provider()
    _, batches = provider._active_span_processor._span_processors  # type: ignore[attr-defined]
    while batches._batch_processor._queue:
        time.sleep(0.01)


def large(size: int) -> None:
    """Make a span that no message holds."""
    with sightline.span("large", text="x" * size):
        pass


def flush(_: int) -> None:
    """Send what is waiting, the counters last."""
    sightline.flush(20)


STEPS = {"work": work, "queue": queue, "taken": taken, "large": large, "flush": flush}

if __name__ == "__main__":
    main()
