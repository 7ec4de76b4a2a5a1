"""Input made to hurt, against a collector in a process of its own whose memory is watched."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import subprocess
import sys
import zlib
from typing import TYPE_CHECKING, Any

import grpc
import httpx
import psutil
import pytest
from backports import zstd

from sightline_core.wire.names import Signal
from sightline_core.wire.schema import schema
from sightline_core.wire.split import _entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MIB = 1 << 20
LIMIT = 64 * MIB
BOMB = 1024 * MIB
PB = {"content-type": "application/x-protobuf"}
JS = {"content-type": "application/json"}
DOCUMENT = '{"resourceSpans":[{"scopeSpans":[%s]}]}'

SERVE = """
import asyncio, sys
from sightline_collector.collector import Collector
from sightline_core.bus.embedded import EmbeddedBus
from sightline_core.settings import load_settings

async def main():
    settings = load_settings(data_dir=sys.argv[1], otlp_grpc_port=0, otlp_http_port=0)
    bus = EmbeddedBus.from_settings(settings)
    collector = Collector(bus, settings)
    await collector.start()
    print(collector.grpc_port, collector.http_port, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await collector.stop()
    await bus.close()

asyncio.run(main())
"""


class Victim:
    """The collector under attack."""

    def __init__(self, process: subprocess.Popen[str], grpc_port: str, http_port: str) -> None:
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{http_port}", timeout=60)
        self.channel = grpc.insecure_channel(
            f"127.0.0.1:{grpc_port}", options=[("grpc.max_send_message_length", -1)]
        )
        self.grpc_port, self.http_port = int(grpc_port), int(http_port)
        self._process = psutil.Process(process.pid)
        self._baseline = 0

    def forget_peak(self) -> None:
        """Start measuring: the kernel keeps the peak of resident memory until told."""
        with open(f"/proc/{self._process.pid}/clear_refs", "w", encoding="ascii") as control:  # noqa: PTH123
            control.write("5")
        self._baseline = self._process.memory_info().rss

    def rise(self) -> int:
        """Peak resident bytes over where it stood at `forget_peak`; printed for the record."""
        with open(f"/proc/{self._process.pid}/status", encoding="ascii") as status:  # noqa: PTH123
            peak = next(line for line in status if line.startswith("VmHWM"))
        rise = int(peak.split()[1]) * 1024 - self._baseline
        print(f"peak resident memory rose by {rise / MIB:.0f} MiB")  # noqa: T201
        return rise

    def post(self, body: bytes, **headers: str) -> httpx.Response:
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.http.post("/v1/traces", content=body, headers=PB | named)

    def alive(self) -> bool:
        return self._process.is_running() and self.post(b"\x0a\x04\x12\x02\x12\x00").is_success


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    with subprocess.Popen(
        [sys.executable, "-c", SERVE, str(tmp_path_factory.mktemp("data"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        made = Victim(process, *process.stdout.readline().split())
        yield made
        made.http.close()
        made.channel.close()
        process.communicate("", timeout=30)
    assert process.returncode == 0


def _gzip_bomb() -> bytes:
    return _packed(zlib.compressobj(9, wbits=31))


def _deflate_bomb() -> bytes:
    return _packed(zlib.compressobj(9))


def _zstd_bomb() -> bytes:
    return _packed(zstd.ZstdCompressor())


def _packed(packer: Any) -> bytes:
    step = bytes(MIB)
    parts = [packer.compress(step) for _ in range(BOMB // MIB)]
    return b"".join([*parts, packer.flush()])


@pytest.mark.parametrize(
    ("codec", "bomb"), [("gzip", _gzip_bomb), ("deflate", _deflate_bomb), ("zstd", _zstd_bomb)]
)
def test_a_decompression_bomb_is_refused_before_it_unfolds(
    victim: Victim, codec: str, bomb: Callable[[], bytes]
) -> None:
    body = bomb()
    victim.forget_peak()
    response = victim.post(body, content_encoding=codec)
    assert response.status_code == 413
    assert victim.rise() < LIMIT + 16 * MIB
    assert victim.alive()


def test_a_bomb_within_a_bomb_is_just_bytes(victim: Victim) -> None:
    victim.forget_peak()
    response = victim.post(gzip.compress(_gzip_bomb()), content_encoding="gzip")
    assert response.status_code == 400
    assert victim.rise() < 32 * MIB


def test_a_zstd_frame_that_demands_a_huge_window_is_refused(victim: Victim) -> None:
    parameters = {
        int(zstd.CompressionParameter.window_log): 27,  # what libzstd takes by default
        int(zstd.CompressionParameter.enable_long_distance_matching): 1,
    }
    packer = zstd.ZstdCompressor(options=parameters)
    body = packer.compress(b"\0" * 1000) + packer.flush()
    victim.forget_peak()
    response = victim.post(body, content_encoding="zstd")
    assert response.status_code == 400
    assert b"cannot decompress the zstd body" in response.content
    assert victim.rise() < 32 * MIB


@pytest.mark.parametrize("codec", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_a_bomb_over_grpc_is_refused_while_it_unfolds(
    victim: Victim, codec: grpc.Compression
) -> None:
    body = bytes(BOMB // 2)
    victim.forget_peak()
    with pytest.raises(grpc.RpcError) as caught:
        _export(victim, body, compression=codec)
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert not error.trailing_metadata()  # no RetryInfo: final
    assert victim.rise() < 3 * LIMIT
    assert victim.alive()


@pytest.mark.parametrize(
    ("encoding", "message"),
    [
        (b"gzip", b"garbage"),
        (b"gzip", gzip.compress(b"\x0a\x00" * 1000)[:-9]),
        (b"deflate", b"garbage"),
        (b"zstd", zstd.compress(b"\x0a\x00")),
    ],
    ids=["no gzip", "truncated gzip", "no deflate", "zstd"],
)
def test_damaged_or_unknown_compression_over_grpc_is_refused(
    victim: Victim, encoding: bytes, message: bytes
) -> None:
    # grpcio's client cannot send this, so: HTTP/2 by hand, headers as plain literals.
    headers = b"".join(
        b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value
        for name, value in (
            (b":method", b"POST"),
            (b":scheme", b"http"),
            (b":path", f"/{schema(Signal.TRACES).service}/Export".encode()),
            (b":authority", b"x"),
            (b"content-type", b"application/grpc"),
            (b"te", b"trailers"),
            (b"grpc-encoding", encoding),
        )
    )
    compressed = b"\x01" + len(message).to_bytes(4, "big") + message
    frames = _frame(4, 0, 0, b"") + _frame(1, 4, 1, headers) + _frame(0, 1, 1, compressed)
    with socket.create_connection(("127.0.0.1", victim.grpc_port), timeout=30) as client:
        client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frames)
        answer = b""
        while b"grpc-message" not in answer:
            answer += client.recv(65536)
    assert b"grpc-status\x0213" in answer  # INTERNAL, which an OTLP client does not retry
    assert victim.alive()


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    head = len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big")
    return head + payload


@pytest.mark.parametrize("over", [0, 1])
def test_64_mib_pass_over_grpc_and_a_byte_more_does_not(victim: Victim, over: int) -> None:
    body = _entry(15, bytes(LIMIT + over - 5))  # an unknown field: a byte of tag, four of length
    assert len(body) == LIMIT + over
    if not over:
        assert _export(victim, body) == b""
        return
    with pytest.raises(grpc.RpcError) as caught:
        _export(victim, body)
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def _export(victim: Victim, body: bytes, **options: Any) -> bytes:
    method = f"/{schema(Signal.TRACES).service}/Export"
    answer: bytes = victim.channel.unary_unary(method)(body, timeout=60, **options)
    return answer


POST = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (b"POST /", b"a" * MIB),
        (POST + b"x-a: ", b"a" * MIB),
        (POST, b"x-abcdef: 1234567890\r\n" * (MIB // 22)),
        (
            POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n",
            b"x-abcdef: 1234567890\r\n" * (MIB // 22),
        ),
    ],
    ids=["url", "header", "headers", "trailers"],
)
def test_a_request_head_without_end_is_cut_off(victim: Victim, start: bytes, more: bytes) -> None:
    victim.forget_peak()
    with socket.create_connection(("127.0.0.1", victim.http_port), timeout=30) as attacker:
        attacker.sendall(start)
        with contextlib.suppress(ConnectionError):  # cut off while sending, as it should be
            for _ in range(50):
                attacker.sendall(more)
    assert victim.rise() < 8 * MIB
    assert victim.alive()


def test_a_flood_of_empty_spans_costs_bounded_memory(victim: Victim) -> None:
    spans = b"\x12\x00" * (30 * MIB)
    body = _entry(1, _entry(2, spans))
    victim.forget_peak()
    response = victim.post(body)
    assert response.status_code == 413
    assert "entries on one level" in response.text
    assert victim.rise() < 1536 * MIB
    assert victim.alive()


def test_ten_thousand_levels_are_refused(victim: Victim) -> None:
    value = b""
    for _ in range(10_000):
        value = _entry(6, _entry(1, _entry(2, value)))
    text = '{"arrayValue":{"values":[' * 10_000 + "{}" + "]}}" * 10_000
    span = _entry(9, _entry(2, value))
    assert victim.post(_entry(1, _entry(2, _entry(2, span)))).status_code == 400
    document = DOCUMENT % f'{{"spans":[{{"attributes":[{{"value":{text}}}]}}]}}'
    response = victim.http.post("/v1/traces", content=document, headers=JS)
    assert response.status_code == 400
    assert "nested too deeply" in response.json()["message"]
    assert victim.alive()


def test_an_attribute_of_20_mb_is_rejected_and_its_neighbours_are_kept(victim: Victim) -> None:
    request = schema(Signal.TRACES).request()
    scope = request.resource_spans.add().scope_spans.add()
    for size in (10, 20_000_000, 10):
        attribute = scope.spans.add(name="n").attributes.add(key="k")
        attribute.value.string_value = "x" * size
    response = victim.post(request.SerializeToString())
    assert response.status_code == 200
    partial = schema(Signal.TRACES).response.FromString(response.content).partial_success
    assert partial.rejected_spans == 1
    assert "1 spans larger than" in partial.error_message


def test_ten_thousand_attributes_on_one_span_are_accepted(victim: Victim) -> None:
    request = schema(Signal.TRACES).request()
    span = request.resource_spans.add().scope_spans.add().spans.add(name="n")
    for number in range(10_000):
        span.attributes.add(key=f"key {number}").value.int_value = number
    response = victim.post(request.SerializeToString())
    assert (response.status_code, response.content) == (200, b"")


def test_a_json_request_of_30_mib_is_answered(victim: Victim) -> None:
    span = json.dumps({"name": "x" * 1000, "attributes": [{"key": "k", "value": {"intValue": 1}}]})
    spans = ",".join([span] * (30 * MIB // len(span)))
    body = DOCUMENT % f'{{"spans":[{spans}]}}'
    response = victim.http.post("/v1/traces", content=body, headers=JS)
    assert (response.status_code, response.json()) == (200, {})
    assert victim.alive()
