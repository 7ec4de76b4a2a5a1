"""From a line in a file to the answer of a query: agent and `sightline up` as processes."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.end_to_end.running import SIGHTLINE, Running, environment

if TYPE_CHECKING:
    from pathlib import Path

LINES = 200


def start(folder: Path, endpoint: str, *options: str) -> subprocess.Popen[str]:
    settings = {
        "SIGHTLINE_AGENT_FILES": json.dumps([str(folder / "*.log")]),
        "SIGHTLINE_AGENT_ENDPOINT": endpoint,
        "SIGHTLINE_AGENT_ATTRIBUTES": '{"service.name": "tailed"}',
        "SIGHTLINE_DATA_DIR": str(folder / "agent"),
    }
    return subprocess.Popen(
        [str(SIGHTLINE), "agent", *options],
        env=environment(settings),
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    )


def health(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().split("health on ")[1].strip()


def until(url: str, line: str) -> None:
    """Ask for the metrics until they have this line."""
    deadline = time.monotonic() + 30
    while line not in (said := httpx.get(f"{url}/metrics", trust_env=False).text.splitlines()):
        assert time.monotonic() < deadline, said
        time.sleep(0.05)


def found(api: str) -> list[dict[str, Any]]:
    query: dict[str, str | int] = {"service": "tailed", "limit": 1000}
    answer = httpx.get(f"{api}/api/v1/logs", params=query, trust_env=False)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


@pytest.mark.timeout(180)
def test_lines_written_while_nobody_listens_are_found_once(tmp_path: Path) -> None:
    folder = tmp_path / "host"
    folder.mkdir()
    lines = [json.dumps({"level": "info", "msg": f"line {n}", "n": n}) for n in range(LINES)]
    (folder / "app.log").write_text("\n".join(lines) + "\n")
    killed = start(folder, "http://127.0.0.1:9")  # nobody is there
    try:
        until(health(killed), f"sightline_agent_accepted_total {LINES}")
    finally:
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
    with Running(tmp_path / "data") as running:
        process = start(folder, running.otlp_http)
        try:
            until(health(process), f"sightline_agent_sent_total {LINES}")
            deadline = time.monotonic() + 30
            while len(items := found(running.api)) < LINES:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        finally:
            process.terminate()
            process.communicate(timeout=20)
        assert process.returncode == 0
    assert sorted(item["body"] for item in items) == sorted(f"line {n}" for n in range(LINES))


def test_check_says_what_it_would_do(tmp_path: Path) -> None:
    (tmp_path / "app.log").touch()
    said, _ = start(tmp_path, "http://127.0.0.1:9", "--check").communicate(timeout=30)
    assert f"follows   {tmp_path}/*.log: 1 files now" in said
    assert "adds      service.name = tailed" in said
    assert "forwards  to http://127.0.0.1:9/v1/logs" in said
    assert not (tmp_path / "agent").exists()
