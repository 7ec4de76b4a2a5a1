"""Forwarding: what an answer means for the request in the spool."""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from sightline_agent.forward import Forwarder, Outcome
from sightline_agent.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Endpoint(HTTPServer):
    """Answers with `answers`, in turn, and keeps what it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.got: list[bytes] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Endpoint

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append(gzip.decompress(body))
        status, headers, answer = self.server.answers.pop(0)
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(answer))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base names it
        pass


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_each_answer_has_its_consequence(tmp_path: Path, endpoint: Endpoint) -> None:
    partial = ExportLogsServiceResponse()
    partial.partial_success.rejected_log_records = 2
    endpoint.answers = [
        (503, {"retry-after": "77"}, b"busy"),
        (401, {}, b"who are you"),
        (200, {}, b""),
        (400, {}, b"malformed"),
        (200, {}, partial.SerializeToString()),
    ]
    with Spool(tmp_path / "agent.sqlite", max_bytes=1 << 30) as spool:
        for payload in (b"first", b"second", b"third"):
            spool.append(payload, 3, [])
        forwarder = Forwarder(spool, f"http://127.0.0.1:{endpoint.server_port}")
        assert forwarder.send_next() is Outcome.AGAIN
        assert forwarder.wait_seconds == 77
        assert forwarder.send_next() is Outcome.AGAIN
        assert "401" in forwarder.trouble
        assert spool.state().records == 9
        assert forwarder.send_next() is Outcome.SENT
        assert not forwarder.trouble
        assert forwarder.send_next() is Outcome.REFUSED
        assert forwarder.send_next() is Outcome.SENT
        assert forwarder.send_next() is Outcome.EMPTY
        forwarder.close()
        assert endpoint.got == [b"first", b"first", b"first", b"second", b"third"]
        assert (spool.state().sent, spool.state().dropped) == (4, {"rejected": 5})
