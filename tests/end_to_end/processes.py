"""Components of Sightline as processes that can be killed, frozen and started again."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any, Self

import httpx
from tests.broker.ports import free_ports
from tests.end_to_end.running import SIGHTLINE, environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

START_SECONDS = 60
STOP_SECONDS = 30


class Component:
    """A `sightline …` process; its ports are fixed by its settings, so it can come back on them."""

    def __init__(
        self, name: str, directory: Path, settings: Mapping[str, str], *words: str
    ) -> None:
        """Prepare; `name` is for people and names its logs."""
        self.name = name
        self._command = [str(SIGHTLINE), *words]
        self._environment = environment(settings)
        self._directory = directory
        self._stderr = directory / f"{name}.stderr"
        self._stdout = directory / f"{name}.stdout"
        self._stdout_start = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process of the last start."""
        assert self._process is not None, f"{self.name} was not started"
        return self._process

    @property
    def running(self) -> bool:
        """Whether it is there, frozen or not."""
        return self._process is not None and self._process.poll() is None

    @property
    def stderr(self) -> str:
        """Everything that it complained about, over all starts."""
        return self._stderr.read_text(errors="replace")

    @property
    def said(self) -> str:
        """What it printed since its last start."""
        with self._stdout.open("rb") as file:
            file.seek(self._stdout_start)
            return file.read().decode(errors="replace")

    def start(self) -> None:
        """Start it and return at once; `wait_said` waits."""
        assert not self.running, f"{self.name} is running already"
        with self._stdout.open("ab") as stdout, self._stderr.open("ab") as stderr:
            self._stdout_start = stdout.tell()
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )

    def wait_said(self, pattern: str, seconds: float = START_SECONDS) -> str:
        """Wait until it printed `pattern`; return its first group, or all that matched."""

        def found() -> re.Match[str] | None:
            assert self.running, f"{self.name} ended: {self.stderr[-3000:]}"
            return re.search(pattern, self.said)

        match = wait_for(found, f"{self.name} says {pattern}", seconds)
        return str(match[match.lastindex or 0])

    def wait_complained(self, text: str, seconds: float = START_SECONDS) -> None:
        """Wait until `text` stands on its stderr."""
        wait_for(lambda: text in self.stderr, f"{self.name} complains {text!r}", seconds)

    def kill(self) -> None:
        """End it by SIGKILL, at once; frozen or not."""
        if self.running:
            self.process.kill()
            self.process.wait()

    def freeze(self) -> None:
        """Stop it by SIGSTOP: connections stay open and nobody answers."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on after `freeze`."""
        self.process.send_signal(signal.SIGCONT)

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """End it as a service manager does; it must end well.

        Raises:
            AssertionError: it did not end, or not with 0; quotes its stderr.
        """
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end on SIGTERM: {self.stderr}") from None
        assert code == 0, f"{self.name} ended with {code}: {self.stderr[-3000:]}"

    def __enter__(self) -> Self:
        """Kill it on leaving the block."""
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """Poll until `condition` returns something true, and return that."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.05)
    return found


class Topology:
    """Store, pipelines, collector and API apart, on a Kafka that the caller runs.

    Attributes:
        otlp_http, otlp_grpc: where to send.
        store, collector, api, pipelines: the processes, not started yet.
    """

    def __init__(
        self,
        directory: Path,
        bootstrap: str,
        *,
        pipelines: int = 2,
        store_port: int = 0,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Lay it out. Pipelines and API reach the store by `store_port`, if that is given."""
        http, grpc, api, store, *health = free_ports(4 + pipelines)
        self.directory = directory
        self.otlp_http = f"http://127.0.0.1:{http}"
        self.otlp_grpc = f"127.0.0.1:{grpc}"
        self.api_url = f"http://127.0.0.1:{api}"
        self.store_address = ("127.0.0.1", store)
        self.health_urls = [f"http://127.0.0.1:{port}" for port in health]
        self.store_url = f"http://127.0.0.1:{store}"
        common = {
            "SIGHTLINE_BUS": "kafka",
            "SIGHTLINE_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "SIGHTLINE_KAFKA_SESSION_TIMEOUT_SECONDS": "3",
            "SIGHTLINE_CLICKHOUSE_URL": f"http://127.0.0.1:{store_port or store}",
            "SIGHTLINE_OTLP_HTTP_PORT": str(http),
            "SIGHTLINE_OTLP_GRPC_PORT": str(grpc),
            "SIGHTLINE_BATCH_MAX_SECONDS": "0.1",
            **(settings or {}),
        }
        home = str(directory / "store")
        words = ("store", "--data-dir", home, "--port", str(store))
        self.store = Component("store", directory, {}, *words)
        self.collector = Component("collector", directory, common, "collector")
        self.api = Component("api", directory, common, "api", "--port", str(api))
        self.pipelines = [
            Component(
                f"pipeline-{number}",
                directory,
                {**common, "SIGHTLINE_HEALTH_PORT": str(port)},
                "pipeline",
            )
            for number, port in enumerate(health)
        ]

    @property
    def all(self) -> list[Component]:
        """All processes, those first that others need."""
        return [self.store, *self.pipelines, self.collector, self.api]

    def start(self) -> None:
        """Start everything at once: each waits for what it needs."""
        for component in self.all:
            component.start()
        self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until every process says that it works."""
        for component in self.all:
            component.wait_said("store is running|is running;|OTLP/gRPC|API and web app")

    def stop(self) -> None:
        """End all by SIGTERM, senders first."""
        for component in (self.collector, *self.pipelines, self.api, self.store):
            component.stop()

    def kill(self) -> None:
        """End all by SIGKILL."""
        for component in self.all:
            component.kill()

    def get(self, path: str, **parameters: Any) -> Any:
        """Return the JSON that the API answers, None for what is not there (yet)."""
        answer = httpx.get(
            f"{self.api_url}/api/v1{path}", params=parameters, timeout=60, trust_env=False
        )
        if answer.status_code in {404, 503}:
            return None
        assert answer.status_code == 200, f"{answer.url}: {answer.status_code} {answer.text}"
        return answer.json()

    def __enter__(self) -> Self:
        """Kill what still runs on leaving the block."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.kill()
