"""Redaction before anything leaves: no planted secret is in any byte sent or line written."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import metrics
from opentelemetry._logs import LogRecord, get_logger_provider
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags

import sightline
from sightline.redacted import RedactedSpans
from sightline_redaction.redactor import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable

    from sightline.testing import Receiver

    Configure = Callable[..., None]

CANARY = "kQ7x2canaryW9z"
SENT = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1))


def make_spans() -> None:
    with sightline.span(
        f"charge ada-{CANARY}@example.org",
        {"url.full": f"https://shop/pay?token={CANARY}", "http.route": "/pay"},
        links=[Link(SENT, {"password": CANARY})],
        user_password=CANARY,
        payload={"items": [{"api_key": CANARY}]},
        statement=f"key = {CANARY}",
        safe_count=3,
    ) as span:
        span.add_event(f"Bearer {CANARY}", {"authorization": f"Basic {CANARY}"})
        span.set_attribute("db.query.text", f"INSERT INTO t (password) VALUES ('{CANARY}')")
        span.set_attribute("statement", "no secret")
        span.set_status(Status(StatusCode.ERROR, f"password={CANARY}"))
    with pytest.raises(ValueError, match="cannot log in"), sightline.span("log in"):
        raise ValueError(f"cannot log in with password={CANARY}")


def make_logs() -> None:
    log = sightline.get_logger(f"shop.{__name__}")
    log.info("Authorization: Bearer %s", CANARY, password=CANARY, step=1)
    log.info("event of %s", f"ada-{CANARY}@example.org", cart={"token": CANARY, "lines": [1, 2]})
    logging.getLogger("theirs").error("password=%s", CANARY, extra={"secret": CANARY})
    log.error("cannot connect", exc_info=RuntimeError(f"postgres://app:{CANARY}@db/shop is away"))
    foreign = get_logger_provider().get_logger("foreign")
    foreign.emit(LogRecord(body={"nested": [f"token={CANARY}"]}, attributes={"cookie": CANARY}))
    foreign.emit(LogRecord(body="plain", attributes={"a": 1}))


def make_metrics() -> None:
    meter = metrics.get_meter("shop")
    meter.create_counter("shop.orders").add(1, {"customer": f"{CANARY}@example.org", "kind": "x"})
    meter.create_histogram("shop.seconds").record(0.1, {"token": CANARY})


def test_no_planted_secret_is_in_any_byte_sent_or_line_written(
    configure: Configure, receiver: Receiver, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", f"team=payments,db.password={CANARY}")
    configure(console="json")
    make_spans()
    make_logs()
    make_metrics()
    sightline.shutdown()

    assert {path for path, _ in receiver.requests} == {"/v1/traces", "/v1/logs", "/v1/metrics"}
    assert [path for path, body in receiver.requests if CANARY.encode() in body] == []
    assert CANARY not in capsys.readouterr().out
    span = next(span for span in receiver.spans() if span.name.startswith("charge"))
    assert span.name == "charge [redacted:email]"
    assert span.resource["team"] == "payments"
    assert span.resource["db.password"] == "[redacted:password]"
    assert span.attributes["http.route"] == "/pay"
    assert span.attributes["url.full"] == "https://shop/pay?token=[redacted:token]"
    assert span.attributes["statement"] == "no secret"
    assert span.attributes["safe_count"] == 3
    assert span.status_message == "password=[redacted:password]"
    bodies = [log.body for log in receiver.logs()]
    assert bodies.count("plain") == 1
    assert {"nested": ["token=[redacted:token]"]} in bodies


def test_lines_before_configure_are_redacted_too(run_python: Callable[..., str]) -> None:
    program = f"""
import sightline
sightline.get_logger().info("password={CANARY}", token="{CANARY}")
"""
    written = run_python(program)

    assert "password=[redacted:password]" in written
    assert CANARY not in written


def test_every_secret_is_counted_once_by_rule(configure: Configure, receiver: Receiver) -> None:
    configure(console="json")
    log = sightline.get_logger()
    for number in range(7):
        with sightline.span(f"to ada{number}@example.org"):
            log.info("logged in", password="x")
    sightline.flush()
    sightline.shutdown()

    assert redacted_by_rule(receiver) == {"email": 7, "password": 7}


def test_own_rules_names_and_safe_fields_hold(configure: Configure, receiver: Receiver) -> None:
    configure(
        redaction=sightline.Redaction(
            patterns={"customer": r"CUST-\d+"}, names=["maiden name"], safe=["auth"]
        )
    )
    with sightline.span("serve CUST-12", maidenName="Smith", auth="oidc", password="x"):
        pass
    sightline.shutdown()

    [span] = receiver.spans()
    assert span.name == "serve [redacted:customer]"
    assert span.attributes["maidenName"] == "[redacted:custom]"
    assert span.attributes["auth"] == "oidc"
    assert span.attributes["password"] == "[redacted:password]"


def test_redaction_can_be_switched_off(
    configure: Configure, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(redaction=None, console="json")
    with sightline.span("work", password="x"):
        sightline.get_logger().info("working", password="y")
    sightline.shutdown()

    assert receiver.spans()[0].attributes["password"] == "x"
    assert receiver.logs()[0].attributes["password"] == "y"
    assert '"password": "y"' in capsys.readouterr().out


def test_with_a_rule_that_cannot_work_nothing_is_sent_and_lines_keep_the_standard_rules(
    configure: Configure, receiver: Receiver, capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    configure(redaction=sightline.Redaction(patterns={"broken": "("}), console="json")
    with sightline.span("work"):
        sightline.get_logger().info(f"password={CANARY}")

    assert "cannot use redaction rule 'broken'" in caplog.text
    assert receiver.requests == []
    assert CANARY not in capsys.readouterr().out


def test_a_redacted_span_still_says_what_the_limits_cost() -> None:
    memory = InMemorySpanExporter()
    limits = SpanLimits(max_span_attributes=2, max_events=1, max_links=1)
    provider = TracerProvider(shutdown_on_exit=False, span_limits=limits)
    provider.add_span_processor(SimpleSpanProcessor(RedactedSpans(memory, Redactor())))
    fields: dict[str, Any] = {"a": 1, "b": 2, "password": "x"}
    links = [Link(SENT), Link(SENT)]
    with provider.get_tracer("t").start_as_current_span("s", attributes=fields, links=links) as s:
        s.add_event("one")
        s.add_event("two")
    provider.shutdown()

    [span] = memory.get_finished_spans()
    assert dict(span.attributes or {}) == {"b": 2, "password": "[redacted:password]"}
    assert (span.dropped_attributes, span.dropped_events, span.dropped_links) == (1, 1, 1)


def test_a_span_without_secrets_is_sent_as_it_is() -> None:
    memory = InMemorySpanExporter()
    theirs = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(theirs))
    with provider.get_tracer("t").start_as_current_span(
        "s", attributes={"a": [1, 2]}, links=[Link(SENT, {"c": 1})]
    ) as span:
        span.add_event("e", {"b": "c"})
    provider.shutdown()

    RedactedSpans(memory, Redactor()).export(theirs.get_finished_spans())

    [sent], [made] = memory.get_finished_spans(), theirs.get_finished_spans()
    assert sent is made


def redacted_by_rule(receiver: Receiver) -> dict[str, int]:
    last: dict[str, int] = {}
    for path, body in receiver.requests:
        if path != "/v1/metrics":
            continue
        for group in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            for metric in (metric for scope in group.scope_metrics for metric in scope.metrics):
                if metric.name == "sightline.sdk.redacted":
                    for point in metric.sum.data_points:
                        last[point.attributes[0].value.string_value] = point.as_int
    return last
