"""A real Kafka for tests and benches: one node or three, KRaft, loopback, free ports.

    with KafkaCluster(tmp_path / "kafka") as kafka:  # one node
        ... kafka.bootstrap ...
    with KafkaCluster(tmp_path / "kafka", size=3) as kafka:  # 3 replicas, 2 must agree
        kafka.nodes[0].kill()  # or stop, kill, freeze, thaw, restart

The jars come from `scripts/install-kafka`. A node takes about two seconds to start and 200 MB.
Topics are not created by mention: ask for them, as on a cluster that is run with care.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Self

from tests.broker.ports import free_ports
from tests.broker.process import BrokerProcess, java

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.broker.security import Security

CLUSTER_ID = "c2lnaHRsaW5lLXRlc3RzMQ"
FOR_TESTS = {
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "500",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.num.partitions": "1",
    "log.cleaner.dedupe.buffer.size": "2097152",
    "log.index.size.max.bytes": "1048576",
    "log.retention.check.interval.ms": "500",
    "log.segment.delete.delay.ms": "500",
    "log.initial.task.delay.ms": "500",
    "num.network.threads": "2",
    "num.io.threads": "4",
}


class KafkaNode(BrokerProcess):
    """One broker and controller; its address stays the same over restarts."""

    def __init__(
        self, directory: Path, node_id: int, port: int, properties: Mapping[str, str], heap_mb: int
    ) -> None:
        """Write its properties; `start` starts it."""
        self.directory = directory
        self.node_id = node_id
        self.address = f"127.0.0.1:{port}"
        directory.mkdir(parents=True)
        file = directory / "server.properties"
        lines = {**properties, "log.dirs": str(directory / "data"), "node.id": str(node_id)}
        file.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
        super().__init__(file, directory / "broker.log", heap_mb=heap_mb)

    def format(self, *options: str) -> None:
        """Prepare the empty data directory, as `kafka-storage.sh format` does."""
        file = str(self.directory / "server.properties")
        command = java("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", file, *options)
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, f"cannot format {self.directory}: {done.stdout}{done.stderr}"

    def restart(self) -> None:
        """Start it again after `stop` or `kill` and wait until it serves."""
        self.start()
        self.wait_ready()


class KafkaCluster:
    """Nodes that form one cluster; a context manager that starts and ends them."""

    def __init__(
        self,
        directory: Path,
        *,
        size: int = 1,
        properties: Mapping[str, str] | None = None,
        security: Security | None = None,
        heap_mb: int = 256,
    ) -> None:
        """Lay the files out; `properties` win over those that suit tests."""
        ports = free_ports(3 * size)
        self.nodes: list[KafkaNode] = []
        self.security = security
        voters = ",".join(f"{n + 1}@127.0.0.1:{ports[3 * n + 2]}" for n in range(size))
        for n in range(size):
            client, internal, controller = ports[3 * n : 3 * n + 3]
            lines = {
                **FOR_TESTS,
                **_replication(size),
                **_listeners(client, internal, controller, voters),
                **(security.broker_properties() if security else {}),
                **(properties or {}),
            }
            home = directory / f"node-{n + 1}"
            self.nodes.append(KafkaNode(home, n + 1, client, lines, heap_mb))

    @property
    def bootstrap(self) -> str:
        """Addresses of all nodes, for `bootstrap_servers`."""
        return ",".join(node.address for node in self.nodes)

    def start(self) -> Self:
        """Format and start all nodes; return when each serves clients."""
        options = self.security.format_options() if self.security else []
        for node in self.nodes:
            node.format(*options)
            node.start()
        for node in self.nodes:
            node.wait_ready()
        return self

    def end(self) -> None:
        """Kill all nodes; the data stays for who wants to look."""
        for node in self.nodes:
            node.kill()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.end()
            raise

    def __exit__(self, *_: object) -> None:
        self.end()


def _replication(size: int) -> dict[str, str]:
    factor, minimum = str(min(3, size)), str(2 if size >= 3 else 1)
    return {
        "default.replication.factor": factor,
        "min.insync.replicas": minimum,
        # A killed node comes back when its last session is over: short where none takes over.
        "broker.session.timeout.ms": "4000" if size > 1 else "1500",
        "broker.heartbeat.interval.ms": "500" if size > 1 else "200",
        "offsets.topic.replication.factor": factor,
        "transaction.state.log.replication.factor": factor,
        "transaction.state.log.min.isr": minimum,
        "share.coordinator.state.topic.replication.factor": factor,
        "share.coordinator.state.topic.min.isr": minimum,
    }


def _listeners(client: int, internal: int, controller: int, voters: str) -> dict[str, str]:
    """Clients have a listener of their own, so that its security can vary."""
    return {
        "process.roles": "broker,controller",
        "controller.quorum.voters": voters,
        "listeners": f"CLIENT://127.0.0.1:{client},INTERNAL://127.0.0.1:{internal},"
        f"CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"CLIENT://127.0.0.1:{client},INTERNAL://127.0.0.1:{internal}",
        "listener.security.protocol.map": "CLIENT:PLAINTEXT,INTERNAL:PLAINTEXT,"
        "CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "INTERNAL",
        "controller.listener.names": "CONTROLLER",
    }
