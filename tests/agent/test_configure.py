"""`configure`: what it sets up, from where, and that it never stands in the way."""

from __future__ import annotations

import logging
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc
import pytest
from opentelemetry import metrics, trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import sightline
from sightline import exporters
from sightline.otlp_logs import LogEmitter

if TYPE_CHECKING:
    from collections.abc import Callable

    from sightline.testing import Receiver

    Configure = Callable[..., None]
    RunPython = Callable[..., str]

WORK = """
import sightline, sys
from opentelemetry import metrics
sightline.configure(service="batch", {options})
with sightline.span("work", order_id=7):
    sightline.get_logger("worker").info("working", step=1)
metrics.get_meter("worker").create_counter("worker.steps").add(1)
"""


def test_all_three_signals_reach_the_receiver_when_the_process_just_ends(
    receiver: Receiver, run_python: RunPython
) -> None:
    run_python(WORK.format(options=f'endpoint="{receiver.endpoint}", console="none"'))

    [span] = receiver.spans()
    [log] = receiver.logs()
    assert (span.name, span.attributes["order_id"]) == ("work", 7)
    assert (log.body, log.attributes["step"]) == ("working", 1)
    assert (log.trace_id, log.span_id) == (span.trace_id, span.span_id)
    assert _own(receiver) == {("batch", "worker.steps")}


def test_the_resource_says_service_version_and_environment(
    configure: Configure, receiver: Receiver
) -> None:
    configure(service="checkout", version="1.2.3", environment="staging")
    with sightline.span("work"):
        pass
    sightline.shutdown()

    [span] = receiver.spans()
    assert span.resource["service.name"] == "checkout"
    assert span.resource["service.version"] == "1.2.3"
    assert span.resource["deployment.environment.name"] == "staging"
    assert span.resource["service.instance.id"]


def test_standard_variables_say_what_the_call_does_not(
    receiver: Receiver, run_python: RunPython
) -> None:
    run_python(
        WORK.format(options='console="none"').replace('service="batch", ', ""),
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
        OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
        OTEL_SERVICE_NAME="named-outside",
        OTEL_RESOURCE_ATTRIBUTES="team=payments,service.version=9",
        OTEL_METRICS_EXPORTER="none",
    )

    [span] = receiver.spans()
    assert span.resource["service.name"] == "named-outside"
    assert span.resource["service.version"] == "9"
    assert span.resource["team"] == "payments"
    assert receiver.metrics() == set()


def test_a_sampler_from_the_environment_is_honoured(
    receiver: Receiver, run_python: RunPython
) -> None:
    run_python(
        WORK.format(options=f'endpoint="{receiver.endpoint}", console="none"'),
        OTEL_TRACES_SAMPLER="always_off",
    )

    [log] = receiver.logs()
    assert receiver.spans() == []
    assert log.attributes["correlation.id"] == log.trace_id != ""


def test_a_disabled_sdk_sends_nothing_and_still_writes_lines_with_a_correlation_id(
    receiver: Receiver, run_python: RunPython
) -> None:
    written = run_python(
        WORK.format(options=f'endpoint="{receiver.endpoint}", console="json"'),
        OTEL_SDK_DISABLED="true",
    )

    assert receiver.requests == []
    assert '"event": "working"' in written
    assert '"correlation.id": "' in written


def test_the_second_call_changes_nothing(configure: Configure, receiver: Receiver) -> None:
    configure(service="first")
    provider = trace.get_tracer_provider()
    handlers = list(logging.getLogger().handlers)

    configure(service="second")

    assert trace.get_tracer_provider() is provider
    assert logging.getLogger().handlers == handlers
    with sightline.span("work"):
        sightline.get_logger().info("once")
    sightline.shutdown()
    assert [span.service for span in receiver.spans()] == ["first"]
    assert [log.body for log in receiver.logs()] == ["once"]


def test_a_provider_that_somebody_made_before_is_kept_and_gets_correlation_ids(
    configure: Configure, receiver: Receiver
) -> None:
    theirs = TracerProvider(shutdown_on_exit=False)
    trace.set_tracer_provider(theirs)

    configure()

    assert trace.get_tracer_provider() is theirs
    with sightline.span("work") as span:
        assert getattr(span, "attributes", {})["correlation.id"] == sightline.correlation_id()
    theirs.shutdown()


def test_providers_that_somebody_made_are_not_closed_at_the_end(configure: Configure) -> None:
    theirs = TracerProvider(shutdown_on_exit=False)
    trace.set_tracer_provider(theirs)
    memory = InMemorySpanExporter()
    theirs.add_span_processor(SimpleSpanProcessor(memory))
    configure()

    assert sightline.shutdown()
    with trace.get_tracer("theirs").start_as_current_span("after"):
        pass

    assert [span.name for span in memory.get_finished_spans()] == ["after"]
    theirs.shutdown()


def test_configuring_again_after_shutdown_says_that_it_cannot(
    configure: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    configure()
    sightline.shutdown()
    configure()

    assert "it was shut down" in caplog.text


def test_a_process_that_sigterm_ends_sends_its_telemetry_first(receiver: Receiver) -> None:
    program = f"""
import os, signal, sightline
sightline.configure(service="server", endpoint="{receiver.endpoint}", console="none")
with sightline.span("last request"):
    pass
os.kill(os.getpid(), signal.SIGTERM)
raise SystemExit("still alive")
"""
    done = subprocess.run([sys.executable, "-I", "-c", program], timeout=60, check=False)

    assert done.returncode == -signal.SIGTERM
    assert [span.name for span in receiver.spans()] == ["last request"]


def test_a_handler_that_somebody_made_for_sigterm_stays(run_python: RunPython) -> None:
    program = """
import signal, sightline
handler = lambda *_: print("theirs")
signal.signal(signal.SIGTERM, handler)
sightline.configure(service="x", endpoint="http://127.0.0.1:9", shutdown_timeout=0.01)
signal.raise_signal(signal.SIGTERM)
"""
    assert run_python(program).strip() == "theirs"


def test_an_endpoint_that_is_away_neither_blocks_nor_raises_and_the_exit_is_bounded(
    run_python: RunPython,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    program = f"""
import time, sightline
sightline.configure(service="alone", endpoint="http://127.0.0.1:{port}", console="none",
                    shutdown_timeout=0.5)
log = sightline.get_logger()
started = time.monotonic()
for number in range(5000):
    with sightline.span("work"):
        log.info("working", number=number)
print(time.monotonic() - started)
"""
    started = time.monotonic()
    working = float(run_python(program))

    assert working < 10  # thousands more than the queues hold; blocking on each would take hours
    assert time.monotonic() - started < working + 6


def test_an_endpoint_that_never_answers_does_not_hold_up_the_exit(run_python: RunPython) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        program = f"""
import time, sightline
sightline.configure(service="alone", endpoint="http://127.0.0.1:{silent.getsockname()[1]}",
                    console="none", shutdown_timeout=0.5)
with sightline.span("work"):
    pass
started = time.monotonic()
print(sightline.shutdown(), time.monotonic() - started)
"""
        complete, seconds = run_python(program).split()

    assert complete == "False"
    assert float(seconds) < 2


def test_flush_sends_what_waits_and_tells_when_it_cannot(
    configure: Configure, receiver: Receiver
) -> None:
    assert sightline.flush(), "nothing to flush before configure"
    configure()
    with sightline.span("work"):
        pass
    metrics.get_meter("tested").create_counter("tested.count").add(1)

    assert sightline.flush()

    assert [span.name for span in receiver.spans()] == ["work"]
    assert _own(receiver) == {("tested", "tested.count")}


def test_what_cannot_be_set_up_is_logged_and_the_application_runs(
    configure: Configure, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-1")

    configure()

    assert "cannot set up telemetry" in caplog.text
    with sightline.span("work"):
        sightline.get_logger().info("still here")


def test_a_wrong_option_is_named_and_the_default_used(
    configure: Configure, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    configure(level="loud", console="braille")
    sightline.get_logger().debug("too fine")
    sightline.get_logger().info("enough")
    sightline.shutdown()

    assert "cannot use level 'loud'" in caplog.text
    assert "cannot use console 'braille'" in caplog.text
    assert "enough" in {log.body for log in receiver.logs()}


def test_a_signal_that_cannot_be_closed_does_not_keep_the_others_back(
    configure: Configure, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure()
    with sightline.span("work"):
        sightline.get_logger().info("working")

    def fail(_: object) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr(LogEmitter, "close", fail)
    sightline.shutdown()

    assert [span.name for span in receiver.spans()] == ["work"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [("OTEL_EXPORTER_OTLP_PROTOCOL", "carrier-pigeon"), ("OTEL_TRACES_EXPORTER", "abacus")],
)
def test_a_wrong_variable_is_named_and_the_default_used(
    variable: str,
    value: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv(variable, value)

    exporter = exporters.span_exporter("http://127.0.0.1:1")

    assert value in caplog.text
    assert type(exporter).__module__.startswith("opentelemetry.exporter.otlp.proto.http")


def test_grpc_is_used_when_the_environment_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")

    exporter = exporters.span_exporter(None)

    assert exporter is not None
    assert type(exporter).__module__.startswith("opentelemetry.exporter.otlp.proto.grpc")
    exporter.shutdown()


def test_spans_arrive_over_grpc(run_python: RunPython) -> None:
    bodies: list[bytes] = []

    def export(body: bytes, _: object) -> bytes:
        bodies.append(body)
        return b""

    service = grpc.method_handlers_generic_handler(
        "opentelemetry.proto.collector.trace.v1.TraceService",
        {"Export": grpc.unary_unary_rpc_method_handler(export)},
    )
    server = grpc.server(ThreadPoolExecutor(2), handlers=[service])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    run_python(
        WORK.format(options='console="none"'),
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}",
        OTEL_LOGS_EXPORTER="none",
        OTEL_METRICS_EXPORTER="none",
    )
    server.stop(None).wait()

    [body] = bodies
    [group] = ExportTraceServiceRequest.FromString(body).resource_spans
    assert group.scope_spans[0].spans[0].name == "work"


def test_importing_the_sdk_loads_nothing_heavy(run_python: RunPython) -> None:
    heavy = "grpc fastapi starlette uvicorn pydantic structlog rich requests asyncio httpx chdb"
    program = f"""
import sys, sightline
print([name for name in "{heavy}".split() if name in sys.modules])
"""
    assert run_python(program).strip() == "[]"


def test_a_configured_sdk_loads_no_web_framework_and_no_grpc(run_python: RunPython) -> None:
    program = """
import sys, sightline
sightline.configure(service="x", endpoint="http://127.0.0.1:9", shutdown_timeout=0.01)
sightline.get_logger()
heavy = "grpc fastapi starlette uvicorn pydantic httpx chdb clickhouse_connect sightline_core"
print([name for name in heavy.split() if name in sys.modules])
"""
    assert run_python(program).strip() == "[]"


def test_a_forked_child_sends_its_own_telemetry(receiver: Receiver, run_python: RunPython) -> None:
    program = f"""
import os, sightline
sightline.configure(service="parent", endpoint="{receiver.endpoint}", console="none")
if os.fork() == 0:
    with sightline.span("in the child"):
        pass
    os._exit(0 if sightline.shutdown() else 1)
assert os.wait()[1] == 0
with sightline.span("in the parent"):
    pass
"""
    run_python(program)

    assert {span.name for span in receiver.spans()} == {"in the child", "in the parent"}
    assert len({span.resource["service.instance.id"] for span in receiver.spans()}) == 2


def _own(receiver: Receiver) -> set[tuple[str, str]]:
    """Return the metrics that are not the SDK's about itself."""
    return {one for one in receiver.metrics() if not one[1].startswith("otel.sdk.")}
