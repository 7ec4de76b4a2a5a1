"""A crowd that sends numbered telemetry over HTTP and gRPC and remembers what was acknowledged."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

import grpc
import httpx
from tests.end_to_end.numbered import Numbered, numbered

from sightline_core.wire.names import Signal

if TYPE_CHECKING:
    from collections.abc import Callable

METHODS: Final = {
    Signal.TRACES: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    Signal.LOGS: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    Signal.METRICS: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}
SIZES: Final = (1, 7, 40, 100, 400)
PAUSE_SECONDS: Final = 0.02
ANSWER_SECONDS: Final = 20


class Target(Protocol):
    """Somebody who takes OTLP."""

    @property
    def otlp_http(self) -> str:
        """Base URL."""

    @property
    def otlp_grpc(self) -> str:
        """Host and port."""


@dataclass
class Sent:
    """What became of every request.

    Attributes:
        acknowledged: the answer was success, so every record must be stored exactly once.
        lost: there was no such answer; each is stored once or not at all, and never sent again.
    """

    acknowledged: list[Numbered] = field(default_factory=list)
    lost: list[Numbered] = field(default_factory=list)

    @property
    def records(self) -> int:
        """Records of all acknowledged requests."""
        return sum(request.records for request in self.acknowledged)


class Writers:
    """Threads that send, one request at a time each, whenever there is somebody to send to."""

    def __init__(self, seed: int, threads: int = 6, pace_seconds: float = 0.0) -> None:
        """Prepare; nothing is sent before `point_at`. Each thread rests after each request."""
        self.sent = Sent()
        self._pace_seconds = pace_seconds
        self._lock = threading.Condition()
        self._target: Target | None = None
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._write, args=(number, random.Random(f"{seed}-{number}")))
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def point_at(self, target: Target | None) -> None:
        """Send to this one from now on; None holds everybody back."""
        with self._lock:
            self._target = target
            self._lock.notify_all()

    def stop(self) -> None:
        """Let every thread finish its request, and end them."""
        with self._lock:
            self._stopping = True
            self._lock.notify_all()
        for thread in self._threads:
            thread.join()

    def wait_acknowledged(self, requests: int, seconds: float) -> None:
        """Block until so many requests were acknowledged in all."""
        with self._lock:
            enough = self._lock.wait_for(
                lambda: len(self.sent.acknowledged) >= requests, timeout=seconds
            )
        assert enough, f"{len(self.sent.acknowledged)} of {requests} requests in {seconds} s"

    def _write(self, number: int, chance: random.Random) -> None:
        """One session for each target: connections of a dead one are of no use."""
        count = 0
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self._stopping or self._target is not None)
                if self._stopping:
                    return
                target = self._target
            assert target is not None
            with _session(target, over_grpc=number % 2 == 0) as send:
                while self._target is target and not self._stopping:
                    count += 1
                    signal = chance.choice(list(Signal))
                    request = numbered(f"w{number}n{count}", signal, chance.choice(SIZES), chance)
                    self._note(request, acknowledged=send(request))

    def _note(self, request: Numbered, *, acknowledged: bool) -> None:
        with self._lock:
            (self.sent.acknowledged if acknowledged else self.sent.lost).append(request)
            self._lock.notify_all()
            # Without an answer it is dead, or says that it is busy.
            rest = max(self._pace_seconds, 0.0 if acknowledged else PAUSE_SECONDS)
            if rest:
                self._lock.wait_for(lambda: self._stopping, timeout=rest)


class _session:  # noqa: N801 - reads as a function
    """Gives a function that sends a request and returns whether it was acknowledged."""

    def __init__(self, target: Target, *, over_grpc: bool) -> None:
        self._connection = (
            grpc.insecure_channel(target.otlp_grpc)
            if over_grpc
            else httpx.Client(base_url=target.otlp_http, timeout=ANSWER_SECONDS)
        )

    def __enter__(self) -> Callable[[Numbered], bool]:
        connection = self._connection
        if isinstance(connection, httpx.Client):
            return lambda request: _post(connection, request)
        return lambda request: _call(connection, request)

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def _post(client: httpx.Client, request: Numbered) -> bool:
    try:
        answer = client.post(
            f"/v1/{request.signal}",
            content=request.body,
            headers={"content-type": "application/x-protobuf"},
        )
    except httpx.TransportError:
        return False
    return answer.status_code == 200


def _call(channel: grpc.Channel, request: Numbered) -> bool:
    try:
        channel.unary_unary(METHODS[request.signal])(request.body, timeout=ANSWER_SECONDS)
    except grpc.RpcError:
        return False
    return True
