"""`sightline store` as a process: others migrate and use it; it ends when told."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from tests.contracts.test_store import logs, stored

from sightline_core.errors import StoreUnavailable
from sightline_core.settings import load_settings
from sightline_core.store.client import open_store
from sightline_core.wire.names import Signal
from sightline_pipeline.landing import landing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Served

COMMAND = "import sys; from sightline_core.cli import main; sys.argv[0] = 'sightline'; main()"


@pytest.fixture
def process(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, "store", "--data-dir", str(tmp_path), "--port", "0"],
        env={**os.environ, "SIGHTLINE_CLICKHOUSE_HTTP_PASSWORD": "secret"},
        stdout=subprocess.PIPE, text=True,
    ) as running:  # fmt: skip
        assert running.stdout is not None
        line = running.stdout.readline()
        assert line.startswith("store is running: http://127.0.0.1:")
        yield running, line.rsplit(":", 1)[1].strip()
        running.kill()


def test_other_processes_write_and_read_what_one_process_keeps(
    process: tuple[subprocess.Popen[str], str],
) -> None:
    running, port = process
    url = f"http://default:secret@127.0.0.1:{port}"
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "migrate"],
        env={**os.environ, "SIGHTLINE_CLICKHOUSE_URL": url},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout == "nothing to apply\n"
    with open_store(load_settings(clickhouse_url=url), ingest_clients=1, query_clients=1) as store:
        landing(Signal.LOGS).insert(store, logs("process", 10), "process-1")
        assert stored(store, "process") == 10
    running.send_signal(signal.SIGTERM)
    assert running.wait(30) == 0


class LosesAnswers:
    """A proxy that hands requests on and hangs up instead of handing answers back."""

    def __init__(self, port: int) -> None:
        self._to = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.requests = 0
        self.losing = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connection, args=(near,), daemon=True).start()

    def _connection(self, near: socket.socket) -> None:
        far = socket.create_connection(self._to)
        threading.Thread(target=self._up, args=(near, far), daemon=True).start()
        with near, far:
            while answer := far.recv(1 << 16):
                if self.losing:
                    near.shutdown(socket.SHUT_RDWR)
                    return
                near.sendall(answer)

    def _up(self, near: socket.socket, far: socket.socket) -> None:
        try:
            while data := near.recv(1 << 16):
                self.requests += data.startswith(b"POST ")
                far.sendall(data)
            far.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()


def test_an_insert_whose_answer_is_lost_counts_once(served: Served) -> None:
    proxy = LosesAnswers(served.port)
    settings = load_settings(clickhouse_url=f"http://127.0.0.1:{proxy.port}")
    body = logs("lost-answer", 20)
    with open_store(settings, ingest_clients=1, query_clients=1) as store:
        proxy.losing, before = True, proxy.requests
        with pytest.raises(StoreUnavailable):
            landing(Signal.LOGS).insert(store, body, "lost-answer-1")
        # The client may try again on a connection that was closed; the token makes that harmless.
        assert 1 <= proxy.requests - before <= 2
        proxy.losing = False
        landing(Signal.LOGS).insert(store, body, "lost-answer-1")
        assert stored(store, "lost-answer") == 20
    proxy.close()
