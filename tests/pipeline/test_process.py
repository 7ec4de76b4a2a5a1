"""`sightline pipeline` as a process: health, metrics, orders, and how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGHTLINE = str(Path(sys.executable).with_name("sightline"))


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {**os.environ, "SIGHTLINE_DATA_DIR": str(tmp_path_factory.mktemp("process"))}


@pytest.fixture(scope="module")
def process(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([SIGHTLINE, "pipeline"], env=environment, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as started:  # fmt: skip
        yield started
        if started.poll() is None:
            started.kill()


@pytest.fixture(scope="module")
def url(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    said = process.stdout.readline()
    found = re.search(r"http://\S+", said)
    assert found, said
    return found[0]


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_the_health_port_says_alive_and_ready(url: str) -> None:
    assert get(f"{url}/healthz") == (200, '{"status": "ok", "reasons": []}')
    assert get(f"{url}/readyz") == (200, '{"status": "ready", "reasons": []}')
    assert get(f"{url}/elsewhere")[0] == 404


def test_metrics_are_prometheus_text(url: str) -> None:
    deadline = time.monotonic() + 20
    status, text = get(f"{url}/metrics")
    # Partitions come with the first polls, after the health port.
    while 'lag_messages{topic="otlp_spans",partition="1"}' not in text:
        assert time.monotonic() < deadline, text
        status, text = get(f"{url}/metrics")
    assert status == 200
    line = re.compile(r'# (HELP|TYPE) \w+ .+|\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? -?[0-9.e+-]+')
    assert all(line.fullmatch(one) for one in text.splitlines())
    for expected in (
        'sightline_pipeline_breaker_state{dependency="store",state="closed"} 1.0',
        'sightline_pipeline_lag_messages{topic="otlp_spans",partition="1"} 0.0',
        'sightline_pipeline_paused{topic="otlp_logs",partition="0"} 0.0',
        "sightline_pipeline_inserts_in_flight 0.0",
    ):
        assert expected in text.splitlines()


def test_sigterm_ends_it_well_and_orders_outlive_it(
    process: subprocess.Popen[str], url: str, environment: dict[str, str]
) -> None:
    process.send_signal(signal.SIGTERM)
    _, complaints = process.communicate(timeout=30)
    assert (process.returncode, complaints) == (0, "")

    def pipeline(*words: str) -> str:
        return subprocess.run([SIGHTLINE, "pipeline", *words], env=environment, text=True,
                              capture_output=True, check=True, timeout=60).stdout  # fmt: skip

    pipeline("pause", "otlp_spans", "0", "--note", "moving disks")
    (standing,) = json.loads(pipeline("orders", "--output", "json"))
    assert standing == {"topic": "otlp_spans", "partition": 0, "reason": "operator",
                        "detail": "moving disks"}  # fmt: skip
    pipeline("resume", "otlp_spans", "0")
    assert pipeline("orders") == "no partition is paused\n"
