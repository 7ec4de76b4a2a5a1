"""`span`: blocks and decorators, errors once, attributes of any kind."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING

import pytest
from opentelemetry import trace

import sightline

if TYPE_CHECKING:
    from collections.abc import Callable

    from sightline.testing import ReceivedSpan, Receiver

    Configure = Callable[..., None]


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no text for you")


def received(receiver: Receiver) -> dict[str, ReceivedSpan]:
    sightline.shutdown()
    return {span.name: span for span in receiver.spans()}


def test_a_block_is_a_span_and_blocks_inside_are_its_children(
    configure: Configure, receiver: Receiver
) -> None:
    configure()
    with sightline.span("outer"), sightline.span("inner", kind="client"):
        pass

    spans = received(receiver)
    assert spans["inner"].parent_span_id == spans["outer"].span_id
    assert (spans["outer"].kind, spans["inner"].kind) == (1, 3)


def test_every_kind_of_value_becomes_an_attribute(configure: Configure, receiver: Receiver) -> None:
    configure()
    order = uuid.UUID(int=7)
    with sightline.span(
        "work",
        {"db.system.name": "sqlite"},
        text="a",
        count=3,
        share=0.5,
        late=True,
        tags=["a", "b"],
        mixed=[1, "a"],
        order=order,
        nothing=None,
        broken=Unprintable(),
    ):
        pass

    attributes = received(receiver)["work"].attributes
    del attributes["correlation.id"]
    assert attributes == {
        "db.system.name": "sqlite",
        "text": "a",
        "count": 3,
        "share": 0.5,
        "late": True,
        "tags": ["a", "b"],
        "mixed": ["1", "a"],
        "order": str(order),
        "broken": "<unprintable>",
    }


def test_an_error_fails_every_span_it_leaves_and_is_recorded_on_the_innermost(
    configure: Configure, receiver: Receiver
) -> None:
    configure()
    with pytest.raises(ValueError, match="no card"), sightline.span("outer"), sightline.span("in"):
        raise ValueError("no card")

    spans = received(receiver)
    assert [span.status for span in spans.values()] == [2, 2]
    assert spans["outer"].status_message == "ValueError: no card"
    assert spans["outer"].attributes["error.type"] == "ValueError"
    assert spans["outer"].events == []
    [(name, event)] = spans["in"].events
    assert name == "exception"
    assert event["exception.type"] == "ValueError"
    assert event["exception.message"] == "no card"
    assert "test_spans.py" in event["exception.stacktrace"]


def test_an_error_that_says_nothing_printable_goes_through_unchanged(
    configure: Configure, receiver: Receiver
) -> None:
    class OddError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text for you")

    configure()
    with pytest.raises(OddError), sightline.span("work"):
        raise OddError

    assert received(receiver)["work"].status == 2


def test_a_cancelled_task_is_no_error(configure: Configure, receiver: Receiver) -> None:
    async def cancel() -> None:
        with sightline.span("work"):
            raise asyncio.CancelledError

    configure()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancel())

    assert received(receiver)["work"].status == 0


def test_a_decorated_function_has_a_span_for_every_call_even_inside_itself(
    configure: Configure, receiver: Receiver
) -> None:
    @sightline.span("countdown", step="yes")
    def countdown(number: int) -> int:
        """Count."""
        return countdown(number - 1) if number else 0

    configure()
    assert countdown(2) == 0
    assert countdown.__doc__ == "Count."

    sightline.shutdown()
    spans = receiver.spans()
    assert [span.name for span in spans] == ["countdown"] * 3
    assert len({span.parent_span_id for span in spans}) == 3


async def test_a_decorated_coroutine_is_timed_while_it_runs_and_keeps_to_its_task(
    configure: Configure, receiver: Receiver
) -> None:
    both_inside = asyncio.Barrier(2)

    @sightline.span("work")
    async def work() -> tuple[int, int]:
        before = trace.get_current_span().get_span_context().span_id
        await both_inside.wait()
        return before, trace.get_current_span().get_span_context().span_id

    configure()
    pairs = await asyncio.gather(work(), work())

    assert all(before == after for before, after in pairs)
    assert pairs[0] != pairs[1]
    sightline.shutdown()
    assert [span.name for span in receiver.spans()] == ["work", "work"]


def test_spans_work_before_and_without_configure() -> None:
    with sightline.span("work") as span:
        span.set_attribute("a", 1)
        assert sightline.correlation_id()
    assert sightline.correlation_id() is None
