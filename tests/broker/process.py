"""One broker process: started, stopped, killed, frozen; it never outlives its starter."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from pathlib import Path

START_SECONDS = 90
STOP_SECONDS = 60
POM = Path(__file__).with_name("pom.xml")
STARTED = "Kafka Server started"


def jars() -> Path:
    """Return the directory of the broker's jars.

    Raises:
        FileNotFoundError: they were not fetched yet; names the script that does it.
    """
    found = re.search(r"<kafka\.version>(.*)</kafka\.version>", POM.read_text(encoding="utf-8"))
    assert found, f"{POM} names no kafka.version"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = cache / "sightline" / f"kafka-{found[1]}"
    if not home.is_dir():
        raise FileNotFoundError(f"cannot start Kafka: {home} is missing; run scripts/install-kafka")
    return home


def java(main: str, *arguments: str, heap_mb: int = 256) -> list[str]:
    """Return the command line that runs a main class of the broker, for a quick start."""
    return [
        "java",
        f"-Xmx{heap_mb}m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1" if heap_mb <= 256 else "-XX:+TieredCompilation",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-Dorg.slf4j.simpleLogger.log.kafka.server=info",
        "-cp",
        f"{jars()}/*",
        main,
        *arguments,
    ]


class BrokerProcess:
    """A broker that can be started again and again from one properties file."""

    def __init__(self, properties: Path, log: Path, *, heap_mb: int = 256) -> None:
        self._properties = properties
        self._log = log
        self._heap_mb = heap_mb
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int:
        """Process id of the running broker."""
        assert self._process is not None, "the broker is not running"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is there, frozen or not."""
        return self._process is not None and self._process.poll() is None

    @property
    def said(self) -> str:
        """What it logged since its last start."""
        with self._log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def start(self) -> None:
        """Start it and return at once; `wait_ready` waits."""
        assert not self.running, "the broker is running already"
        with self._log.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                java("kafka.Kafka", str(self._properties), heap_mb=self._heap_mb),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl+C is for the test run
            )
        # When this process ends in whatever way, the guard's stdin does, too.
        self._guard = subprocess.Popen(
            ["sh", "-c", f"read -r _; kill -9 {self._process.pid}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def wait_ready(self, seconds: float = START_SECONDS) -> None:
        """Wait until it serves clients.

        Raises:
            AssertionError: it ended or did not get there in time; quotes the end of its log.
        """
        deadline = time.monotonic() + seconds
        while STARTED not in (said := self.said):
            assert self.running, f"the broker ended:\n{said[-4000:]}"
            assert time.monotonic() < deadline, f"not ready in {seconds} s:\n{said[-4000:]}"
            time.sleep(0.02)

    def stop(self) -> None:
        """Shut it down as an operator does (SIGTERM) and wait; kill it if it does not end."""
        if self.running:
            os.kill(self.pid, signal.SIGTERM)
        self._wait_ended()

    def kill(self) -> None:
        """End it by SIGKILL, at once."""
        if self.running:
            os.kill(self.pid, signal.SIGKILL)
        self._wait_ended()

    def freeze(self) -> None:
        """Stop it by SIGSTOP: connections stay open and nobody answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on after `freeze`."""
        os.kill(self.pid, signal.SIGCONT)

    def _wait_ended(self) -> None:
        if self._process is not None:
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None
        if self._guard is not None:
            self._guard.kill()
            self._guard.wait()
            assert self._guard.stdin is not None
            with contextlib.suppress(OSError):
                self._guard.stdin.close()
        self._guard = None
