"""`sightline up` as its users meet it: a process, what it prints, and signals."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SIGHTLINE = Path(sys.executable).with_name("sightline")
ANY_PORTS = {"SIGHTLINE_OTLP_GRPC_PORT": "0", "SIGHTLINE_OTLP_HTTP_PORT": "0"}
START_SECONDS = 60
STOP_SECONDS = 30


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment without settings and proxies, plus `extra`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SIGHTLINE_", "OTEL_")) and not name.lower().endswith("_proxy")
    }
    return {**kept, **ANY_PORTS, **(extra or {})}


class Running:
    """A started `sightline up`; the addresses are those it printed."""

    def __init__(
        self, data_dir: Path, *options: str, settings: Mapping[str, str] | None = None
    ) -> None:
        """Start it on any free ports and wait until it says that it is there.

        Raises:
            AssertionError: it ended or said nothing for `START_SECONDS`; quotes its stderr.
        """
        self.data_dir = data_dir
        self._heard: dict[str, list[str]] = {"out": [], "err": []}
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            [str(SIGHTLINE), "up", "--data-dir", str(data_dir), "--port", "0", *options],
            env=environment(settings),
            cwd=data_dir.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._listeners = [
            self._listen("out", self.process.stdout),
            self._listen("err", self.process.stderr),
        ]
        try:
            self._wait_heard("Ctrl+C stops it")
        except BaseException:
            self.kill()
            raise
        self.api = self._address(r"Open +http://localhost:(\d+)", "http://127.0.0.1:")
        self.otlp_http = self._address(
            r"Send OTLP +http://localhost:(\d+) \(HTTP\)", "http://127.0.0.1:"
        )
        self.otlp_grpc = self._address(r"localhost:(\d+) \(gRPC\)", "127.0.0.1:")

    @property
    def stdout(self) -> str:
        """Everything that it printed so far."""
        with self._changed:
            return "".join(self._heard["out"])

    @property
    def stderr(self) -> str:
        """Everything that it complained about so far."""
        with self._changed:
            return "".join(self._heard["err"])

    @property
    def storefront(self) -> str:
        """Base URL of the demo shop."""
        return self._address(r"Demo shop +(http://\S+:\d+)", "")

    def get(self, path: str, **parameters: Any) -> Any:
        """Return the JSON that the API answers; 200 is expected."""
        found = self.find(path, **parameters)
        assert found is not None, f"{path}: 404"
        return found

    def find(self, path: str, **parameters: Any) -> Any:
        """Return the JSON that the API answers, None for what is not there (yet)."""
        answer = httpx.get(f"{self.api}/api/v1{path}", params=parameters, timeout=60)
        if answer.status_code == 404:
            return None
        assert answer.status_code == 200, f"{answer.url}: {answer.status_code} {answer.text}"
        return answer.json()

    def wait(self, condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
        """Poll until `condition` returns something true, and return that."""
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert self.process.poll() is None, f"it ended:\n{self.stderr}"
            assert time.monotonic() < deadline, f"{what}: not within {seconds} s\n{self.stderr}"
            time.sleep(0.02)
        return found

    def wait_drained(self, seconds: float = 60) -> None:
        """Wait until all that was accepted is in the store."""
        self.wait(lambda: not self.pending(), "draining", seconds)

    def pending(self) -> int:
        """Return how many messages are accepted and not in the store yet."""
        return sum(signal["lag_messages"] for signal in self.get("/status")["signals"])

    def wait_said(self, text: str) -> None:
        """Wait until `text` stands on its stderr."""
        with self._changed:
            said = self._changed.wait_for(lambda: text in "".join(self._heard["err"]), STOP_SECONDS)
        assert said, f"it did not say {text!r}:\n{self.stderr}"

    def kill(self) -> None:
        """End it by SIGKILL, at once."""
        self.process.kill()
        self._wait_ended()

    def stop(self) -> None:
        """End it as a service manager does; it must end well.

        Raises:
            AssertionError: it did not end, or not with 0; quotes its stderr.
        """
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self._wait_ended(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"it did not end on SIGTERM:\n{self.stderr}") from None
        assert self.process.returncode == 0, f"exit {self.process.returncode}:\n{self.stderr}"
        assert "Traceback" not in self.stderr, self.stderr

    def _wait_ended(self, seconds: float | None = None) -> None:
        self.process.wait(seconds)
        for listener in self._listeners:
            listener.join(seconds)

    def _listen(self, name: str, stream: IO[str] | None) -> threading.Thread:
        assert stream is not None

        def listen() -> None:
            with stream:
                for line in stream:
                    self._hear(name, line)
            self._hear(name, "")

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        return thread

    def _hear(self, name: str, line: str) -> None:
        with self._changed:
            self._heard[name].append(line)
            self._changed.notify_all()

    def _wait_heard(self, text: str) -> None:
        """An empty line heard is the end of the stream."""
        with self._changed:
            heard = self._changed.wait_for(
                lambda: text in "".join(self._heard["out"]) or "" in self._heard["out"],
                START_SECONDS,
            )
            found = text in "".join(self._heard["out"])
        assert heard, f"nothing within {START_SECONDS} s:\n{self.stderr}"
        if not found:
            self._wait_ended(STOP_SECONDS)
            raise AssertionError(f"it ended with {self.process.returncode}:\n{self.stderr}")

    def _address(self, pattern: str, prefix: str) -> str:
        match = re.search(pattern, self.stdout)
        assert match, f"no {pattern} in:\n{self.stdout}"
        return f"{prefix}{match[1]}"

    def __enter__(self) -> Self:
        """Stop on leaving the block."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Stop; after a failed test without hiding what failed."""
        if kind is None:
            self.stop()
        elif self.process.poll() is None:
            sys.stderr.write(self.stderr)
            self.kill()
