"""`sightline send` and `sightline collector`, as they are typed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sightline_collector.intake import HEADER_ROOM
from sightline_core.wire.names import Signal
from sightline_core.wire.schema import schema

if TYPE_CHECKING:
    from tests.collector.conftest import FakeBus

    from sightline_collector.collector import Collector

SIGHTLINE = str(Path(sys.executable).with_name("sightline"))


async def run(*arguments: str, **environment: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        SIGHTLINE,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | environment,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_send_prints_the_trace_id_of_what_arrived(collector: Collector, bus: FakeBus) -> None:
    endpoint = f"http://127.0.0.1:{collector.http_port}"
    code, out, err = await run("send", "--endpoint", endpoint, "--output", "json")
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert result["sent"] == {"traces": 3, "logs": 2, "metrics": 1}
    sent = {record.topic: record.value for record in bus.sent}
    traces = schema(Signal.TRACES).request.FromString(sent["otlp_spans"])
    logs = schema(Signal.LOGS).request.FromString(sent["otlp_logs"])
    spans = traces.resource_spans[0].scope_spans[0].spans
    records = logs.resource_logs[0].scope_logs[0].log_records
    assert {span.trace_id.hex() for span in spans} == {result["trace_id"]}
    assert {record.trace_id.hex() for record in records} == {result["trace_id"]}
    assert spans[0].parent_span_id == b""
    assert {span.parent_span_id for span in spans[1:]} == {spans[0].span_id}
    assert all(span.start_time_unix_nano < span.end_time_unix_nano for span in spans)
    code, out, _ = await run("send", "--endpoint", endpoint)
    assert code == 0
    assert out.startswith("trace ")


class TestRejection:
    @pytest.fixture
    def bus(self, bus: FakeBus) -> FakeBus:
        bus.max_message_bytes = HEADER_ROOM + 70
        return bus

    @pytest.mark.parametrize("output", ["json", "table"])
    async def test_send_fails_and_says_what_was_rejected(
        self, collector: Collector, output: str
    ) -> None:
        endpoint = f"http://127.0.0.1:{collector.http_port}"
        code, out, _ = await run("send", "--endpoint", endpoint, "--output", output)
        assert code == 1
        if output == "json":
            result = json.loads(out)
            assert result["rejected"] == {"traces": 3, "logs": 2, "metrics": 1}
            assert "3 spans larger than 70 bytes were rejected" in result["notes"]["traces"]
        else:
            assert "rejected" in out


async def test_send_to_nobody_is_one_line_and_an_exit_code() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
    code, out, err = await run("send", "--endpoint", endpoint)
    assert (code, out) == (1, "")
    assert err.startswith(f"sightline: cannot send traces to {endpoint}: ")
    assert err.count("\n") == 1


async def test_a_collector_alone_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    environment = {
        "SIGHTLINE_DATA_DIR": str(tmp_path),
        "SIGHTLINE_OTLP_GRPC_PORT": "0",
        "SIGHTLINE_OTLP_HTTP_PORT": "0",
    }
    process = await asyncio.create_subprocess_exec(
        SIGHTLINE, "collector", stdout=asyncio.subprocess.PIPE, env=os.environ | environment
    )
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
    port = line.strip().rpartition(":")[2]
    code, _, _ = await run("send", "--endpoint", f"http://127.0.0.1:{port}")
    assert code == 0
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 60) == 0


async def test_a_port_in_use_ends_the_collector_with_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for protocol, other in (("GRPC", "HTTP"), ("HTTP", "GRPC")):
            code, _, err = await run(
                "collector",
                SIGHTLINE_DATA_DIR=str(tmp_path),
                **{f"SIGHTLINE_OTLP_{protocol}_PORT": port, f"SIGHTLINE_OTLP_{other}_PORT": "0"},
            )
            assert code == 1
            assert err.startswith(f"sightline: cannot listen on 127.0.0.1:{port}")
            assert f"SIGHTLINE_OTLP_{protocol}_PORT" in err
            assert err.count("\n") == 1
