"""The demo shop: a checkout through every service, outcomes on demand, crashes, and its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import psutil
import pytest

from sightline.testing import ReceivedSpan, Receiver
from sightline_demo.once import send_checkout
from sightline_demo.processes import OBSERVED
from sightline_demo.supervisor import Demo, DemoError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sightline_demo.once import Sent

IDLE = 0.001
"""Requests a second of the shoppers: none while a test runs."""


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def shop(receiver: Receiver) -> Iterator[Demo]:
    demo = Demo()
    demo.start(receiver.endpoint, IDLE)
    yield demo
    demo.stop()


def trace_of(sent: Sent, receiver: Receiver) -> list[ReceivedSpan]:
    return [span for span in receiver.spans() if span.trace_id == sent.trace_id]


def has_span(sent: Sent, receiver: Receiver, name: str) -> bool:
    return any(span.name == name for span in trace_of(sent, receiver))


def processes_of(demo: Demo) -> dict[int, psutil.Process]:
    assert demo.pid is not None
    shop = psutil.Process(demo.pid)
    return {process.pid: process for process in [shop, *shop.children(recursive=True)]}


def test_one_checkout_is_one_trace_through_six_services_and_the_queue(
    shop: Demo, receiver: Receiver
) -> None:
    sent = send_checkout(shop.storefront_url)
    assert sent.status == 201
    touched = {*OBSERVED} - {"catalog"}
    receiver.wait(lambda: {span.service for span in trace_of(sent, receiver)} == touched)
    receiver.wait(lambda: has_span(sent, receiver, "POST /checkout"))
    receiver.wait(lambda: has_span(sent, receiver, "process order.shipped"))

    spans = trace_of(sent, receiver)
    by_id = {span.span_id: span for span in spans}
    assert {span.attributes["correlation.id"] for span in spans} == {sent.correlation_id}
    assert [span.name for span in spans if not span.parent_span_id] == ["POST /checkout"]
    assert all(span.parent_span_id in by_id for span in spans if span.parent_span_id)
    [consumed] = [span for span in spans if span.name == "process order.placed"]
    assert (consumed.kind, by_id[consumed.parent_span_id].kind) == (5, 4)
    assert {span.status for span in spans} == {0}


def test_the_correlation_id_finds_the_log_lines_of_all_seven_services(
    shop: Demo, receiver: Receiver
) -> None:
    sent = send_checkout(shop.storefront_url, items=3)

    def services() -> set[str]:
        return {
            log.service
            for log in receiver.logs()
            if log.attributes.get("correlation.id") == sent.correlation_id
        }

    receiver.wait(lambda: services() == set(OBSERVED))


def test_a_declined_card_is_a_402_and_the_stock_is_released(shop: Demo, receiver: Receiver) -> None:
    sent = send_checkout(shop.storefront_url, "declined")

    assert sent.status == 402
    receiver.wait(lambda: has_span(sent, receiver, "DELETE reservations"))


def test_a_provider_that_does_not_answer_is_an_error_with_its_exception(
    shop: Demo, receiver: Receiver
) -> None:
    sent = send_checkout(shop.storefront_url, "timeout")

    assert sent.status == 503
    receiver.wait(lambda: has_span(sent, receiver, "authorize card"))
    receiver.wait(lambda: has_span(sent, receiver, "POST /charges"))
    spans = {span.name: span for span in trace_of(sent, receiver)}
    assert spans["POST /charges"].status == 2
    [(event, fields)] = spans["authorize card"].events
    assert event == "exception"
    assert fields["exception.type"].endswith("ProviderTimeoutError")

    def explained() -> bool:
        return any(
            log.trace_id == sent.trace_id and "exception.stacktrace" in log.attributes
            for log in receiver.logs()
        )

    receiver.wait(explained)


def test_a_service_that_crashes_comes_back_on_its_own_port(shop: Demo, receiver: Receiver) -> None:
    before = send_checkout(shop.storefront_url)
    receiver.wait(lambda: has_span(before, receiver, "POST /charges"))
    [pid] = [process.pid for process in processes_of(shop).values() if process.name() == "payment"]

    os.kill(pid, signal.SIGKILL)

    assert send_checkout(shop.storefront_url).status in {201, 503}  # 503: it was in its hands
    assert send_checkout(shop.storefront_url).status == 201


def test_shoppers_make_traffic_with_a_correlation_id_a_visit() -> None:
    with Receiver() as receiver:
        demo = Demo()
        demo.start(receiver.endpoint, 40)
        receiver.wait(lambda: any(span.name == "POST /checkout" for span in receiver.spans()))
        receiver.wait(lambda: ("storefront", "http.server.request.duration") in receiver.metrics())
        demo.stop()

        visits = {str(span.attributes["correlation.id"]) for span in receiver.spans()}
        assert all(visit.startswith("visit-") for visit in visits)
        assert len(visits) > 3


def test_stopping_sends_what_the_services_still_hold() -> None:
    with Receiver() as receiver:
        demo = Demo()
        demo.start(receiver.endpoint, IDLE)
        sent = send_checkout(demo.storefront_url)
        demo.stop()

        assert has_span(sent, receiver, "POST /checkout")
        assert has_span(sent, receiver, "authorize card")


def test_stopping_ends_every_process_and_starting_again_works(receiver: Receiver) -> None:
    demo = Demo()
    for _ in range(2):
        demo.start(receiver.endpoint, IDLE)
        processes = processes_of(demo)
        assert len(processes) == len(OBSERVED) + 3
        demo.stop()
        demo.stop()
        assert not [process for process in processes.values() if process.is_running()]


def test_the_whole_shop_comes_back_when_it_crashes(
    receiver: Receiver, capfd: pytest.CaptureFixture[str]
) -> None:
    demo = Demo()
    demo.start(receiver.endpoint, IDLE)
    old = processes_of(demo)
    assert demo.pid is not None

    os.kill(demo.pid, signal.SIGKILL)
    psutil.wait_procs(list(old.values()), timeout=10)
    assert not [process for process in old.values() if process.is_running()]
    demo.wait_restarted(1, seconds=30)

    assert send_checkout(demo.storefront_url).status == 201
    demo.stop()


def test_the_shop_ends_with_the_process_that_started_it(receiver: Receiver) -> None:
    program = (
        "from sightline_demo.supervisor import Demo; import time\n"
        f"demo = Demo(); demo.start({receiver.endpoint!r}, {IDLE}); print(demo.pid, flush=True)\n"
        "time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    shop = psutil.Process(int(parent.stdout.readline()))
    processes = [shop, *shop.children(recursive=True)]

    parent.kill()
    parent.communicate()

    gone, alive = psutil.wait_procs(processes, timeout=15)
    assert (len(gone), alive) == (len(processes), [])


def test_a_demo_that_cannot_start_says_why(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    demo = Demo()

    with pytest.raises(DemoError, match="cannot start the demo"):
        demo.start(receiver.endpoint, 1.0)

    demo.stop()
    assert threading.active_count() < 50
