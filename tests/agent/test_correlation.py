"""The correlation id: where it comes from, what it is put on, how it crosses borders."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import context, propagate, trace
from opentelemetry.propagators.composite import CompositePropagator

import sightline
from sightline import correlation
from sightline.propagation import CorrelationPropagator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sightline.testing import Receiver

    Configure = Callable[..., None]

TRACE = "0af7651916cd43dd8448eb211c80319c"
BAGGAGE = "correlation.id=b-1"
PARENT = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (
            {"x-correlation-id": "c-1", "x-request-id": "r-1", "baggage": BAGGAGE},
            "c-1",
        ),
        ({"x-request-id": "r-1", "baggage": BAGGAGE}, "b-1"),
        ({"x-request-id": "r-1", **PARENT}, "r-1"),
        (PARENT, TRACE),
        ({}, None),
        ({"x-correlation-id": "a b", **PARENT}, TRACE),
        ({"x-correlation-id": "x" * 129, "x-request-id": "r-1"}, "r-1"),
        ({"baggage": "correlation.id=a%0Aforged", **PARENT}, TRACE),
        ({"x-correlation-id": ""}, None),
    ],
)
def test_it_comes_from_the_header_then_baggage_then_the_request_id_then_the_trace(
    headers: dict[str, str], expected: str | None, configure: Configure
) -> None:
    configure()
    with sightline.extracted(headers):
        assert sightline.correlation_id() == expected


def test_a_trace_that_starts_here_gives_its_id(configure: Configure) -> None:
    configure()
    assert sightline.correlation_id() is None
    with sightline.span("work") as span:
        assert sightline.correlation_id() == f"{span.get_span_context().trace_id:032x}"


def test_it_is_on_every_span_whoever_makes_it(configure: Configure, receiver: Receiver) -> None:
    configure()
    with (
        sightline.extracted({"x-correlation-id": "c-1"}),
        sightline.span("ours"),
        trace.get_tracer("theirs").start_as_current_span("theirs"),
    ):
        pass
    sightline.shutdown()

    assert [span.attributes["correlation.id"] for span in receiver.spans()] == ["c-1", "c-1"]


def test_a_bound_id_holds_for_the_block_and_what_is_started_in_it(
    configure: Configure, receiver: Receiver
) -> None:
    configure()
    with sightline.span("outer"):
        before = sightline.correlation_id()
        with sightline.bind_correlation_id("journey-7"), sightline.span("inner"):
            sightline.get_logger().info("inside")
        assert sightline.correlation_id() == before
    sightline.shutdown()

    spans = {span.name: span for span in receiver.spans()}
    assert spans["inner"].attributes["correlation.id"] == "journey-7"
    assert spans["outer"].attributes["correlation.id"] == "journey-7"
    assert [log.attributes["correlation.id"] for log in receiver.logs()] == ["journey-7"]


def test_a_bound_id_stays_in_its_thread(configure: Configure) -> None:
    configure()
    seen: list[str | None] = []

    def work() -> None:
        sightline.bind_correlation_id("of-the-thread")
        seen.append(sightline.correlation_id())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert seen == ["of-the-thread"]
    assert sightline.correlation_id() is None


def test_an_id_that_headers_could_not_carry_is_not_taken(
    configure: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    configure()
    with sightline.bind_correlation_id("two words\r\nx: y"):
        assert sightline.correlation_id() is None
    assert "cannot bind correlation id" in caplog.text


def test_a_message_brings_trace_and_correlation_to_its_consumer(
    configure: Configure, receiver: Receiver
) -> None:
    configure()
    with sightline.bind_correlation_id("order-1"), sightline.span("send", kind="producer"):
        headers = sightline.inject({})
    assert headers["x-correlation-id"] == "order-1"
    assert headers["baggage"] == "correlation.id=order-1"

    pairs: Iterable[tuple[str, bytes]] = [(key, text.encode()) for key, text in headers.items()]
    with sightline.extracted(pairs), sightline.span("process", kind="consumer"):
        sightline.get_logger().info("processed")
    assert sightline.correlation_id() is None
    sightline.shutdown()

    spans = {span.name: span for span in receiver.spans()}
    [log] = receiver.logs()
    assert spans["process"].parent_span_id == spans["send"].span_id
    assert spans["process"].trace_id == spans["send"].trace_id == log.trace_id
    assert spans["process"].attributes["correlation.id"] == "order-1"
    assert log.attributes["correlation.id"] == "order-1"


def test_nothing_is_injected_where_nothing_is_known(configure: Configure) -> None:
    configure()
    assert sightline.inject({}) == {}


HEADER_NAMES = st.sampled_from(
    ["x-correlation-id", "x-request-id", "baggage", "traceparent", "tracestate", "other"]
)
HEADERS = st.dictionaries(HEADER_NAMES, st.text(max_size=200) | st.binary(max_size=200))


@given(headers=HEADERS)
def test_whatever_arrives_the_id_is_none_or_acceptable_and_travels_on_unchanged(
    headers: dict[str, str | bytes],
) -> None:
    propagator = CorrelationPropagator(_w3c())
    text = {
        key: value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        for key, value in headers.items()
    }
    arrived = propagator.extract(text, context.Context())
    found = correlation.find(arrived)
    assert found is None or correlation.acceptable(found)

    sent: dict[str, str] = {}
    propagator.inject(sent, arrived)
    assert correlation.find(propagator.extract(sent, context.Context())) == found


def _w3c() -> CompositePropagator:
    inner = propagate.get_global_textmap()
    assert isinstance(inner, CompositePropagator)
    return inner
