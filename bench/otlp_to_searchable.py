"""OTLP in, found by its id: the whole process under a steady load.

Run as `python -m bench.otlp_to_searchable SPANS_PER_SECOND SECONDS`. Starts `sightline up` on free
ports, sends spans over OTLP/HTTP at that rate (0: as fast as they are accepted), and meanwhile
sends small traces of known ids and asks the API for them until they are there. Prints one JSON
object.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.corpus import corpus, text
from sightline_core.wire.names import Signal

PER_REQUEST = 512
SENDERS = 4
PROBE_SECONDS = 1.0
POLL_SECONDS = 0.1
GIVE_UP_SECONDS = 30.0
PROTOBUF = {"content-type": "application/x-protobuf"}


async def measure(rate: float, seconds: float, directory: str) -> dict[str, Any]:
    """Start the process, load it, probe it, stop it."""
    environment = {**os.environ, "SIGHTLINE_OTLP_GRPC_PORT": "0", "SIGHTLINE_OTLP_HTTP_PORT": "0"}
    sightline = Path(sys.executable).with_name("sightline")
    command = [str(sightline), "up", "--data-dir", directory, "--port", "0"]
    process = subprocess.Popen(  # noqa: ASYNC220 - nothing else runs yet
        command, stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        api, otlp = _addresses(process)
        made = corpus(Signal.TRACES, messages=200, per_message=PER_REQUEST)
        watched = psutil.Process(process.pid)
        before, started = watched.cpu_times(), time.perf_counter()
        async with httpx.AsyncClient(timeout=60) as client:
            sent = [0]
            until = started + seconds
            senders = [
                _send(client, otlp, made.messages[number::SENDERS], rate / SENDERS, until, sent)
                for number in range(SENDERS)
            ]
            probing = asyncio.create_task(_probe(client, api, otlp, until))
            await asyncio.gather(*senders)
            latencies = sorted(await probing)
            wall = time.perf_counter() - started
            drained = await _drain(client, api, started)
        after = watched.cpu_times()
        cpu = after.user + after.system - before.user - before.system
        return {
            "asked_spans_per_second": rate or "unlimited",
            "accepted_spans_per_second": round(sent[0] / wall),
            "stored_spans_per_second": round(sent[0] / drained),
            "cpu_seconds_per_million": round(cpu / sent[0] * 1e6, 2),
            "memory_mb": round(watched.memory_info().rss / (1 << 20)),
            "probes": len(latencies),
            "accept_to_searchable_p50_s": round(statistics.median(latencies), 3),
            "accept_to_searchable_p99_s": round(latencies[int(len(latencies) * 0.99)], 3),
        }
    finally:
        process.terminate()
        process.wait(30)


def _addresses(process: subprocess.Popen[str]) -> tuple[str, str]:
    assert process.stdout
    found: dict[str, str] = {}
    for line in process.stdout:
        if match := re.search(r"(Open|Send OTLP)\s+(http://\S+)", line):
            found[match[1]] = match[2].replace("localhost", "127.0.0.1")
        if "Ctrl+C" in line:
            return found["Open"], found["Send OTLP"]
    raise RuntimeError("sightline up did not start")


async def _send(
    client: httpx.AsyncClient,
    otlp: str,
    messages: tuple[bytes, ...],
    rate: float,
    until: float,
    sent: list[int],
) -> None:
    due = time.perf_counter()
    while time.perf_counter() < until:
        for message in messages:
            answer = await client.post(f"{otlp}/v1/traces", content=message, headers=PROTOBUF)
            if answer.status_code in {429, 503}:
                await asyncio.sleep(float(answer.headers["retry-after"]))
                continue
            answer.raise_for_status()
            sent[0] += PER_REQUEST
            if rate:
                due = max(due + PER_REQUEST / rate, time.perf_counter() - 0.2)
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
            if time.perf_counter() >= until:
                return


async def _probe(client: httpx.AsyncClient, api: str, otlp: str, until: float) -> list[float]:
    async def one() -> float:
        trace_id = secrets.token_bytes(16)
        request = ExportTraceServiceRequest()
        group = request.resource_spans.add()
        group.resource.attributes.append(text("service.name", "probe"))
        now = time.time_ns()
        group.scope_spans.add().spans.add(
            trace_id=trace_id,
            span_id=secrets.token_bytes(8),
            name="probe",
            start_time_unix_nano=now,
            end_time_unix_nano=now + 1000,
        )
        body = request.SerializeToString()
        (await client.post(f"{otlp}/v1/traces", content=body, headers=PROTOBUF)).raise_for_status()
        accepted = time.perf_counter()
        while time.perf_counter() < accepted + GIVE_UP_SECONDS:
            answer = await client.get(f"{api}/api/v1/traces/{trace_id.hex()}")
            if answer.status_code == 200:
                return time.perf_counter() - accepted
            await asyncio.sleep(POLL_SECONDS)
        return GIVE_UP_SECONDS

    probes = []
    while time.perf_counter() < until:
        probes.append(asyncio.create_task(one()))
        await asyncio.sleep(PROBE_SECONDS)
    return list(await asyncio.gather(*probes))


async def _drain(client: httpx.AsyncClient, api: str, started: float) -> float:
    while True:
        status = (await client.get(f"{api}/api/v1/status")).json()
        if sum(signal["lag_messages"] for signal in status["signals"]) == 0:
            return time.perf_counter() - started
        await asyncio.sleep(0.1)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="sightline-bench-") as path:
        print(json.dumps(asyncio.run(measure(float(sys.argv[1]), float(sys.argv[2]), path))))
