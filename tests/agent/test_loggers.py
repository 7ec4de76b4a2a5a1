"""`get_logger` and `logging`: the same line on stdout and over OTLP."""

from __future__ import annotations

import json
import logging
import warnings
from typing import TYPE_CHECKING, Any

import pytest
import structlog

import sightline
from sightline.stdlib import level_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from sightline.testing import ReceivedLog, Receiver

    Configure = Callable[..., None]


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no text for you")


def received(receiver: Receiver) -> list[ReceivedLog]:
    sightline.shutdown()
    return sorted(receiver.logs(), key=lambda log: log.time_unix_nano)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_line_carries_time_level_service_place_trace_span_and_correlation(
    configure: Configure, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(service="cart", console="json")
    log = sightline.get_logger("carts")
    with sightline.span("work") as span:
        log.info("item added", sku="tea", quantity=2)
        trace_id = f"{span.get_span_context().trace_id:032x}"
        span_id = f"{span.get_span_context().span_id:016x}"

    [line] = lines(capsys)
    [log_record] = received(receiver)
    assert line["timestamp"].endswith("Z")
    assert (line["level"], line["event"], line["service"]) == ("info", "item added", "cart")
    assert (line["trace_id"], line["span_id"]) == (trace_id, span_id)
    assert (log_record.trace_id, log_record.span_id) == (trace_id, span_id)
    assert (log_record.body, log_record.severity, log_record.severity_number) == (
        "item added",
        "INFO",
        9,
    )
    assert log_record.scope == line["logger"] == "carts"
    for fields in (line, log_record.attributes):
        assert fields["correlation.id"] == trace_id
        assert (fields["sku"], fields["quantity"]) == ("tea", 2)
        assert fields["code.file.path"] == __file__
        assert fields["code.function.name"].startswith("test_a_line_carries")
        assert fields["code.line.number"] > 0


def test_levels_go_from_trace_to_fatal_and_those_below_the_limit_are_not_made(
    configure: Configure, receiver: Receiver
) -> None:
    configure(level="trace")
    log = sightline.get_logger()
    for level in ("trace", "debug", "info", "warn", "warning", "error", "fatal", "critical"):
        getattr(log, level)(level)

    found = [(log.body, log.severity_number) for log in received(receiver)]
    numbers = [1, 5, 9, 13, 13, 17, 21, 21]
    names = ["trace", "debug", "info", "warn", "warning", "error", "fatal", "critical"]
    assert found == list(zip(names, numbers, strict=True))


def test_debug_lines_are_left_out_by_default(configure: Configure, receiver: Receiver) -> None:
    configure()
    sightline.get_logger().debug("too fine")
    logging.getLogger("library").debug("too fine")
    sightline.get_logger().info("enough")

    assert [log.body for log in received(receiver)] == ["enough"]


def test_bound_values_and_context_variables_are_on_the_line(
    configure: Configure, receiver: Receiver
) -> None:
    configure()
    log = sightline.get_logger("x", shop="berlin").bind(cart=5)
    with structlog.contextvars.bound_contextvars(shopper="s-1"):
        log.info("%s of %d", "one", 3)
    log.unbind("cart").info("two")

    first, second = received(receiver)
    assert first.body == "one of 3"
    kept = ("shop", "cart", "shopper")
    assert [first.attributes.get(key) for key in kept] == ["berlin", 5, "s-1"]
    assert [second.attributes.get(key) for key in kept] == ["berlin", None, None]


@pytest.mark.parametrize("way", ["exception", "flag", "instance", "logging"])
def test_an_exception_is_described_by_type_message_and_stacktrace(
    way: str, configure: Configure, receiver: Receiver
) -> None:
    configure()
    log = sightline.get_logger()
    try:
        raise KeyError("tea")  # noqa: TRY301 - the point is to have it handled here
    except KeyError as error:
        if way == "exception":
            log.exception("failed")
        elif way == "flag":
            log.error("failed", exc_info=True)  # noqa: G201 - one of the ways
        elif way == "instance":
            log.exception("failed", exc_info=error)
        else:
            logging.getLogger("library").exception("failed")

    [record] = received(receiver)
    assert record.body == "failed"
    assert record.attributes["exception.type"] == "KeyError"
    assert record.attributes["exception.message"] == "'tea'"
    assert "raise KeyError" in record.attributes["exception.stacktrace"]


def test_the_standard_library_goes_the_same_way(
    configure: Configure, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(console="json")
    with sightline.span("work"):
        logging.getLogger("library").warning("took %d ms", 300, extra={"attempt": 2})

    [line] = lines(capsys)
    [record] = received(receiver)
    assert record.trace_id == line["trace_id"] != ""
    for fields in (line, record.attributes):
        assert fields["attempt"] == 2
        assert fields["code.function.name"].startswith("test_the_standard")
    assert (record.body, record.severity, record.scope) == ("took 300 ms", "WARN", "library")


def test_exporters_do_not_report_on_themselves(configure: Configure, receiver: Receiver) -> None:
    configure()
    logging.getLogger("opentelemetry.exporter.whatever").error("cannot send")

    assert received(receiver) == []


def test_values_that_cannot_be_written_do_not_stop_the_line(
    configure: Configure, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(console="json")
    log = sightline.get_logger()
    log.info("odd", broken=Unprintable(), keys={(1, 2): 3}, raw=b"\xff", nan=float("nan"))
    log.info("%d things", "not a number")
    log.info("after")

    bodies = [record.body for record in received(receiver)]
    assert bodies[0] == "odd"
    assert bodies[-1] == "after"
    assert any("cannot log" in body for body in bodies)


def test_fields_may_have_any_name_and_do_not_hide_what_the_line_says(
    configure: Configure, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(console="json")
    sightline.get_logger().info("named", event="e", level="l", self="s", name="n")

    [line] = lines(capsys)
    assert (line["event"], line["level"], line["event_"], line["level_"]) == (
        "named",
        "info",
        "e",
        "l",
    )
    [record] = received(receiver)
    assert [record.attributes[key] for key in ("event", "level", "self", "name")] == list("elsn")


def test_chatter_of_the_exporters_connections_is_left_out(
    configure: Configure, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(console="json", level="trace")
    sightline.get_logger().info("sent")
    sightline.flush()

    assert [line["event"] for line in lines(capsys)] == ["sent"]


def test_lines_for_people_are_short(
    configure: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(console="pretty")
    sightline.get_logger().warn("stock is low", sku="tea")

    written = capsys.readouterr().out
    assert "WARN  stock is low" in written
    assert "sku=tea" in written
    assert "{" not in written


def test_a_logger_made_before_configure_writes_lines_and_sends_after_it(
    configure: Configure, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    log = sightline.get_logger()
    log.info("early")
    configure(console="json")
    log.info("late")
    sightline.shutdown()
    log.info("after the end")

    assert [record.body for record in receiver.logs()] == ["late"]
    assert [line["event"] for line in lines(capsys)] == ["early", "late", "after the end"]


def test_levels_of_logging_are_rounded_down() -> None:
    assert [level_name(number) for number in (0, 5, 10, 19, 25, 30, 45, 99)] == [
        "trace",
        "trace",
        "debug",
        "debug",
        "info",
        "warn",
        "error",
        "fatal",
    ]


def test_warnings_become_lines_until_the_end(
    configure: Configure, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    before = warnings.showwarning
    configure(console="json")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old_name is deprecated", DeprecationWarning, stacklevel=1)

    [line] = lines(capsys)
    assert (line["level"], line["logger"]) == ("warn", "py.warnings")
    assert "DeprecationWarning: old_name is deprecated" in line["event"]
    assert [log.severity for log in received(receiver)] == ["WARN"]
    assert warnings.showwarning is before
