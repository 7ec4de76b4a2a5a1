"""The distributed topology with a hand on everything that can go wrong in it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from tests.broker.cluster import KafkaCluster
from tests.end_to_end.oracle.proxy import Proxy
from tests.end_to_end.processes import Component, Topology
from tests.end_to_end.writers import Writers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.broker.cluster import KafkaNode
    from tests.end_to_end.oracle.schedule import Fault, Step

SETTINGS = {
    "SIGHTLINE_KAFKA_SESSION_TIMEOUT_SECONDS": "2",
    "SIGHTLINE_KAFKA_STALL_SECONDS": "10",
    "SIGHTLINE_LEDGER_SETTLE_SECONDS": "1",
    "SIGHTLINE_SELF_REPORT_SECONDS": "1",
}
PIECE_BYTES = 64 << 10
DISK_BYTES = 768 << 20
SETTLED = "store is running|is running;|OTLP/gRPC|API and web app"


@dataclass(frozen=True)
class Address:
    """Where to send; a new object makes senders connect anew."""

    otlp_http: str
    otlp_grpc: str


class Disk:
    """A small file system in memory, which can be filled to the last byte.

    Mounting it takes root; without, `own` is False and nothing is ever full.
    """

    def __init__(self, at: Path) -> None:
        """Mount nothing yet."""
        self._at = at
        self._ballast = at / "ballast"
        self.own = False

    def fill(self, *, leaving: int) -> None:
        """Take all that is free but `leaving` bytes."""
        if not self.own:
            return
        with self._ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            # The store writes, too: most at once, the rest piece by piece.
            most = shutil.disk_usage(self._at).free - leaving - (16 << 20)
            os.posix_fallocate(file.fileno(), 0, most)
            file.seek(most)
            while shutil.disk_usage(self._at).free > leaving:
                file.write(bytes(PIECE_BYTES))

    def empty(self) -> None:
        """Give it back."""
        self._ballast.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        self._at.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(self._at)]
        self.own = subprocess.run(mount, check=False, capture_output=True).returncode == 0
        return self

    def __exit__(self, *_: object) -> None:
        self.empty()
        if self.own:
            subprocess.run(["umount", str(self._at)], check=True)


class World:
    """Kafka, store, two pipelines, collector, API, the lines between them, and who sends."""

    def __init__(self, directory: Path, seed: int, *, pace_seconds: float) -> None:
        """Lay everything out; entering it starts it."""
        self._stack = ExitStack()
        self._links = {"to broker": Proxy(), "to store": Proxy()}
        self._kafka = KafkaCluster(directory / "kafka")
        self._divert()
        processes = directory / "processes"
        processes.mkdir()
        self.topology = Topology(
            processes,
            f"127.0.0.1:{self._links['to broker'].port}",
            store_port=self._links["to store"].port,
            settings=SETTINGS,
        )
        self._links["to store"].aim(*self.topology.store_address)
        self._disk = Disk(self.topology.directory / "store")
        self._seed = seed
        self._pace_seconds = pace_seconds
        self._began = time.monotonic()
        self.done: list[str] = []

    def _divert(self) -> None:
        """Have the broker tell clients the proxy's address instead of its own."""
        node, link = self._kafka.nodes[0], self._links["to broker"]
        host, port = node.address.split(":")
        link.aim(host, int(port))
        file = node.directory / "server.properties"
        own = f"advertised.listeners=CLIENT://{node.address}"
        text = file.read_text()
        assert own in text
        file.write_text(text.replace(own, f"advertised.listeners=CLIENT://{host}:{link.port}"))

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for link in self._links.values():
                stack.enter_context(link)
            stack.enter_context(self._kafka)
            stack.enter_context(self._disk)
            stack.enter_context(self.topology)
            self.topology.start()
            self.writers = Writers(self._seed, threads=4, pace_seconds=self._pace_seconds)
            stack.callback(self.writers.stop)
            self._reconnect()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *failure: object) -> None:
        self._stack.close()

    def suffer(self, steps: Sequence[Step]) -> None:
        """Let all this happen, and say what happened when."""
        for step in steps:
            self._pause(step.wait)
            for fault in step.faults:
                self._say(f"{fault}")
                self._begin(fault)
            self._pause(step.lasts)
            for fault in step.faults:
                self._end(fault)
                self._say(f"end of {fault}")
            self._look_after()

    def recover(self) -> None:
        """Wait until every process works again."""
        self._kafka.nodes[0].wait_ready()
        self.topology.wait_ready()
        self._reconnect()

    def _look_after(self) -> None:
        """No fault may make a process give up."""
        for component in self.topology.all:
            assert component.running, (
                f"{component.name} ended with {component.process.returncode}:"
                f" {component.stderr[-3000:]}"
            )
        assert self._kafka.nodes[0].running, self._kafka.nodes[0].said[-3000:]

    def _begin(self, fault: Fault) -> None:
        if fault.kind == "cut":
            self._links[fault.target].cut()
        elif fault.kind == "slow":
            self._links[fault.target].slow(fault.amount)
        elif fault.kind == "full":
            self._disk.fill(leaving=fault.amount)
        elif fault.kind == "freeze":
            self._process(fault.target).freeze()
        elif fault.kind == "kill":
            self._process(fault.target).kill()
        else:
            self._stop(fault.target)

    def _end(self, fault: Fault) -> None:
        if fault.kind in {"cut", "slow"}:
            self._links[fault.target].mend()
        elif fault.kind == "full":
            self._disk.empty()
            # What docs/store.md tells people to do: a merge may have left a part without content.
            self.topology.store.stop()
            self.topology.store.start()
        elif fault.kind == "freeze":
            self._process(fault.target).thaw()
        else:
            self._process(fault.target).start()
            if fault.target == "collector":
                self._reconnect()

    def _stop(self, target: str) -> None:
        process = self._process(target)
        if isinstance(process, Component):
            process.wait_said(SETTLED)
        else:
            process.wait_ready()
        process.stop()

    def _process(self, name: str) -> Component | KafkaNode:
        if name == "broker":
            return self._kafka.nodes[0]
        return next(one for one in self.topology.all if one.name == name)

    def _reconnect(self) -> None:
        """gRPC would wait ever longer before it tried again."""
        self.writers.point_at(Address(self.topology.otlp_http, self.topology.otlp_grpc))

    def _pause(self, seconds: float) -> None:
        time.sleep(seconds)  # the plan is made of times

    def _say(self, what: str) -> None:
        line = f"{time.monotonic() - self._began:7.2f} s  {what}"
        self.done.append(line)
        print(line, flush=True)  # noqa: T201 - the record of the run
