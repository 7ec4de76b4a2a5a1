"""Starts and stops the demo from another process, such as `sightline up --demo`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time

from sightline_core.errors import SightlineError

READY_SECONDS = 30.0
STOP_SECONDS = 8.0
LONGEST_PAUSE = 30.0
_TELEMETRY = {
    "OTEL_BSP_SCHEDULE_DELAY": "1000",
    "OTEL_BLRP_SCHEDULE_DELAY": "1000",
    "OTEL_METRIC_EXPORT_INTERVAL": "5000",
}
"""Milliseconds: short, because somebody is watching."""


class DemoError(SightlineError):
    """The demo did not start."""


class Demo:
    """The running shop: a process of its own, started again when it crashes.

    It ends with the process that started it, however that ends.
    """

    def __init__(self) -> None:
        """Prepare; nothing runs before `start`."""
        self.storefront_url = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = threading.Event()
        self._launching = threading.Lock()
        self._restarted = threading.Condition()
        self._restarts = 0
        self._watcher: threading.Thread | None = None

    def start(self, otlp_http_endpoint: str, rate: float) -> str:
        """Start the shop, with shoppers who send `rate` requests a second; return its URL.

        Blocks until the shop listens, a second or two.

        Raises:
            DemoError: it did not come up within 30 s, or its libraries are not installed.
        """
        command = [sys.executable, "-m", "sightline_demo"]
        command += ["--endpoint", otlp_http_endpoint, "--rate", str(rate)]
        with self._launching:
            self._stopped.clear()
            self._launch(command)
            self._watcher = threading.Thread(target=self._watch, args=(command,), daemon=True)
            self._watcher.start()
        return self.storefront_url

    @property
    def pid(self) -> int | None:
        """Return the process id of the shop, whose children the services are; None if stopped."""
        return None if self._process is None else self._process.pid

    def wait_restarted(self, times: int, seconds: float) -> None:
        """Block until the shop was started again so many times.

        Raises:
            TimeoutError: it was not, within `seconds`.
        """
        with self._restarted:
            if not self._restarted.wait_for(lambda: self._restarts >= times, seconds):
                raise TimeoutError(f"the demo did not start again within {seconds:g} s")

    def stop(self) -> None:
        """End the shop and wait until it is gone; without effect when it does not run."""
        self._stopped.set()
        with self._launching:
            if self._process is not None:
                _end(self._process)
                self._process = None
        if self._watcher is not None:
            self._watcher.join()
            self._watcher = None

    def _launch(self, command: list[str]) -> None:
        inherited = {key: value for key, value in os.environ.items() if key[:5] != "OTEL_"}
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command,
            env=inherited | _TELEMETRY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        said = _first_line(process)
        if not said:
            _end(process)
            raise DemoError(
                "cannot start the demo: its process ended or was silent for "
                f"{READY_SECONDS:g} s (are its libraries there? pip install 'sightline[demo]')"
            )
        self._process = process
        self.storefront_url = json.loads(said)["storefront"]

    def _watch(self, command: list[str]) -> None:
        pause = 1.0
        while (process := self._process) is not None:
            started = time.monotonic()
            process.wait()
            _end(process)
            pause = 1.0 if time.monotonic() - started > LONGEST_PAUSE else min(pause * 2, 30.0)
            if self._stopped.wait(pause):
                return
            with self._launching:
                if self._stopped.is_set():
                    return
                try:
                    self._launch(command)
                except DemoError as error:
                    print(f"sightline: {error}", file=sys.stderr)  # noqa: T201
                    continue
            with self._restarted:
                self._restarts += 1
                self._restarted.notify_all()


def _first_line(process: subprocess.Popen[bytes]) -> bytes:
    """Return the first line of a process, empty when it ends before or takes too long."""
    assert process.stdout is not None
    timer = threading.Timer(READY_SECONDS, process.kill)
    timer.start()
    try:
        return process.stdout.readline()
    finally:
        timer.cancel()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close the pipe that the shop lives by; kill it if it does not go."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()
