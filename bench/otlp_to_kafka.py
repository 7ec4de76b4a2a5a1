"""What a collector takes and what it costs there: OTLP/HTTP in, Kafka out, nothing behind it.

Run as `python -m bench.otlp_to_kafka SECONDS`. Broker, collector and sender are processes; the
sender shares the cores, so CPU-seconds say more than rates. Prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from bench.corpus import corpus
from bench.kafka_processes import (
    Meter,
    broker,
    component,
    end_when_told,
    in_own_process,
    kafka_environment,
    progress,
)
from sightline_core.wire.names import Signal

PER_REQUEST = 512
SENDERS = 4
DISTINCT_REQUESTS = 200
PROTOBUF = {"content-type": "application/x-protobuf"}


def measure(seconds: float, directory: Path) -> dict[str, Any]:
    """Send spans as fast as they are acknowledged; the meters run while the sender sends."""
    with (
        broker(directory) as kafka,
        component("collector", directory, kafka_environment(kafka), "collector") as collector,
    ):
        url = "http://" + collector.wait_said(r"HTTP on (\S+:\d+)")
        warm = in_own_process("bench.otlp_to_kafka", "send", url, "1")
        assert warm["spans"], "the collector took nothing"
        progress(f"sending spans for {seconds:g} s")
        meters = {"collector": Meter(collector.process.pid), "broker": Meter(kafka.nodes[0].pid)}
        sent = in_own_process("bench.otlp_to_kafka", "send", url, str(seconds))
        millions = sent["spans"] / 1e6
        return {
            "spans": sent["spans"],
            "spans_per_second": round(sent["spans"] / sent["seconds"]),
            "refused_requests": sent["refused"],
            "cpu_seconds_per_million": {
                name: round(meter.seconds / millions, 2) for name, meter in meters.items()
            },
            "sender_cpu_seconds_per_million": round(sent["cpu_seconds"] / millions, 2),
            "spans_per_collector_cpu_second": round(sent["spans"] / meters["collector"].seconds),
            "collector_peak_mb": meters["collector"].peak_mb,
        }


async def send(url: str, seconds: float) -> dict[str, Any]:
    """Post the corpus again and again over a few connections for that long."""
    made = corpus(Signal.TRACES, messages=DISTINCT_REQUESTS, per_message=PER_REQUEST)
    counts = {"accepted": 0, "refused": 0}
    cpu, started = time.process_time(), time.perf_counter()
    until = started + seconds

    async def one(client: httpx.AsyncClient, messages: tuple[bytes, ...]) -> None:
        while True:
            for message in messages:
                if time.perf_counter() >= until:
                    return
                answer = await client.post(f"{url}/v1/traces", content=message, headers=PROTOBUF)
                if answer.status_code in {429, 503}:
                    counts["refused"] += 1
                    await asyncio.sleep(float(answer.headers["retry-after"]))
                    continue
                answer.raise_for_status()
                counts["accepted"] += 1

    async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
        await asyncio.gather(*(one(client, made.messages[n::SENDERS]) for n in range(SENDERS)))
    return {
        "spans": counts["accepted"] * PER_REQUEST,
        "refused": counts["refused"],
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - cpu,
    }


if __name__ == "__main__":
    end_when_told()
    if sys.argv[1] == "send":
        print(json.dumps(asyncio.run(send(sys.argv[2], float(sys.argv[3])))))
    else:
        with tempfile.TemporaryDirectory(prefix="sightline-bench-") as path:
            print(json.dumps(measure(float(sys.argv[1]), Path(path))))
