"""What the benches on Kafka share: a broker, Sightline's processes on it, and what those cost."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from tests.broker.cluster import KafkaCluster
from tests.broker.ports import free_ports
from tests.end_to_end.processes import Component

from sightline_core.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOR_LOAD = {
    # Not the tests' short ones: all processes join in one generation, and commits are many.
    "group.initial.rebalance.delay.ms": "2000",
    "group.min.session.timeout.ms": "6000",
    "log.retention.check.interval.ms": "300000",
}
HEAP_MB = 1024
MEBIBYTE = 1 << 20


@contextlib.contextmanager
def broker(directory: Path) -> Iterator[KafkaCluster]:
    """Run one node with the heap of a small installation; ended on leaving the block."""
    with KafkaCluster(directory / "kafka", properties=FOR_LOAD, heap_mb=HEAP_MB) as cluster:
        yield cluster


def kafka_settings(cluster: KafkaCluster) -> Settings:
    """Return the settings of a client of `cluster`; everything else as by default."""
    return Settings(bus="kafka", kafka_bootstrap_servers=cluster.bootstrap)


def kafka_environment(cluster: KafkaCluster) -> dict[str, str]:
    """Return the same for a process."""
    return {
        "SIGHTLINE_BUS": "kafka",
        "SIGHTLINE_KAFKA_BOOTSTRAP_SERVERS": cluster.bootstrap,
    }


@contextlib.contextmanager
def component(
    name: str, directory: Path, settings: Mapping[str, str], *words: str
) -> Iterator[Component]:
    """Start `sightline …`; ended in its own way on leaving the block, killed after an error."""
    process = Component(name, directory, settings, *words)
    with process:
        process.start()
        yield process
        process.stop(60)


@contextlib.contextmanager
def store_process(directory: Path) -> Iterator[tuple[Component, str]]:
    """Run `sightline store` with an empty directory; also gives its address."""
    (port,) = free_ports(1)
    words = ("store", "--data-dir", str(directory / "store"), "--port", str(port))
    with component("store", directory, {}, *words) as process:
        process.wait_said("store is running")
        yield process, f"http://127.0.0.1:{port}"


class Meter:
    """CPU seconds of a running process since the meter was made, its threads included."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._before = self._seconds()

    @property
    def seconds(self) -> float:
        """User and system time."""
        return self._seconds() - self._before

    @property
    def peak_mb(self) -> int:
        """The most memory that the process ever held, MiB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
        return round(int(line.split()[1]) / 1024)

    def _seconds(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)


def in_own_process(module: str, *arguments: str) -> dict[str, Any]:
    """Run `python -m module` and return the JSON of its last line; stderr goes through.

    Told to end, it is told, too, and ends what it has started.
    """
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            said, _ = process.communicate()
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    result: dict[str, Any] = json.loads(said.splitlines()[-1])
    return result


def end_when_told() -> None:
    """Let SIGTERM leave through every `with`: processes are ended, directories removed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def progress(text: str) -> None:
    """Say on stderr where a bench is."""
    print(f"  … {text}", file=sys.stderr, flush=True)
