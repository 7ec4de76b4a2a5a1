"""The OTLP/gRPC contract."""

from __future__ import annotations

import asyncio
import gzip
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from sightline_core.errors import BusFull, BusUnavailable
from sightline_core.wire.names import Signal
from sightline_core.wire.schema import schema

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.collector.conftest import FakeBus

    from sightline_collector.collector import Collector
    from sightline_core.settings import Settings

CODECS = (grpc.Compression.NoCompression, grpc.Compression.Gzip, grpc.Compression.Deflate)


@pytest.fixture
async def channel(collector: Collector) -> AsyncIterator[Any]:
    options = [("grpc.max_send_message_length", -1)]
    async with grpc.aio.insecure_channel(
        f"127.0.0.1:{collector.grpc_port}", options=options
    ) as made:
        yield made


def export(channel: Any, signal: Signal, body: bytes, **options: Any) -> Any:
    return channel.unary_unary(f"/{schema(signal).service}/Export")(body, **options)


async def refusal(call: Any) -> tuple[Any, Any, Any]:
    """Code, google.rpc.Status (None without one) and RetryInfo seconds (None without)."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    trailing = dict(caught.value.trailing_metadata() or ())
    if "grpc-status-details-bin" not in trailing:
        return caught.value.code(), None, None
    status = status_pb2.Status.FromString(trailing["grpc-status-details-bin"])
    retry = error_details_pb2.RetryInfo()
    seconds = None
    if status.details and status.details[0].Unpack(retry):
        seconds = retry.retry_delay.seconds
    return caught.value.code(), status, seconds


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize("codec", CODECS)
async def test_bytes_reach_the_bus_unchanged(
    channel: Any, bus: FakeBus, signal: Signal, codec: grpc.Compression
) -> None:
    body = b"\xfa\x3f\x03new" + b"\x0a\x04\x12\x02\x12\x00"
    if signal is Signal.METRICS:
        body = b"\xfa\x3f\x03new" + b"\x0a\x0b\x12\x09\x12\x07\x0a\x01m\x2a\x02\x0a\x00"
    assert await export(channel, signal, body, compression=codec) == b""
    (record,) = bus.sent
    assert (record.topic, record.value) == (signal.topic, body)
    assert record.header("sightline-records") == b"1"


async def test_an_empty_request_succeeds_and_writes_nothing(channel: Any, bus: FakeBus) -> None:
    assert await export(channel, Signal.LOGS, b"") == b""
    assert bus.sent == []


async def test_what_is_damaged_is_an_invalid_argument(channel: Any, bus: FakeBus) -> None:
    code, status, retry = await refusal(export(channel, Signal.TRACES, b"\x0a\x05abc"))
    assert (code, status.code, retry) == (grpc.StatusCode.INVALID_ARGUMENT, 3, None)
    assert "cannot read the request" in status.message
    assert bus.sent == []


async def test_an_unknown_method_is_unimplemented(channel: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary("/opentelemetry.Nothing/Export")(b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_partial_success_tells_what_was_rejected(
    channel: Any, bus: FakeBus, spans: Callable[..., bytes]
) -> None:
    bus.max_message_bytes = 3000
    answer = await export(channel, Signal.TRACES, spans(1) + spans(1, 5000))
    partial = schema(Signal.TRACES).response.FromString(answer).partial_success
    assert partial.rejected_spans == 1
    assert len(bus.sent) == 1


@pytest.mark.parametrize("failure", [BusFull("cannot write: full"), BusUnavailable("cannot: away")])
async def test_a_bus_that_cannot_write_means_try_again(
    channel: Any, bus: FakeBus, spans: Callable[..., bytes], failure: Exception
) -> None:
    bus.failures = [failure]
    code, status, retry = await refusal(export(channel, Signal.TRACES, spans(1)))
    assert (code, status.message, retry) == (grpc.StatusCode.UNAVAILABLE, str(failure), 5)
    assert await export(channel, Signal.TRACES, spans(1)) == b""


async def test_an_error_that_nobody_expected_is_answered(
    channel: Any, bus: FakeBus, spans: Callable[..., bytes]
) -> None:
    bus.failures = [ZeroDivisionError("secret")]
    code, status, retry = await refusal(export(channel, Signal.TRACES, spans(1)))
    assert (code, retry) == (grpc.StatusCode.INTERNAL, None)
    assert "secret" not in status.message
    assert await export(channel, Signal.TRACES, spans(1)) == b""


class TestLimits:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(
            update={"max_request_bytes": 2_000_000, "max_inflight_bytes": 1 << 20}
        )

    @pytest.mark.parametrize("codec", CODECS)
    async def test_a_message_over_the_limit_is_refused_for_good(
        self, channel: Any, bus: FakeBus, codec: grpc.Compression
    ) -> None:
        code, _, retry = await refusal(
            export(channel, Signal.TRACES, b"\0" * 2_000_001, compression=codec)
        )
        assert (code, retry) == (grpc.StatusCode.RESOURCE_EXHAUSTED, None)
        assert bus.sent == []

    async def test_too_many_bytes_in_flight_mean_try_again(
        self, channel: Any, bus: FakeBus, collector: Collector, spans: Callable[..., bytes]
    ) -> None:
        body = spans(1, 600_000)
        bus.open.clear()
        first = asyncio.create_task(_call(channel, body))
        await bus.arrived.wait()
        code, status, retry = await refusal(export(channel, Signal.TRACES, body))
        assert (code, status.code, retry) == (grpc.StatusCode.RESOURCE_EXHAUSTED, 8, 1)
        assert "in flight" in status.message
        bus.open.set()
        assert await first == b""
        assert collector.stats().inflight_bytes == 0
        assert collector.stats().signals[Signal.TRACES].refused == {"overloaded": 1}


async def _call(channel: Any, body: bytes) -> bytes:
    answer: bytes = await export(channel, Signal.TRACES, body)
    return answer


async def test_what_claims_to_be_compressed_and_is_not_is_refused(
    channel: Any, bus: FakeBus, spans: Callable[..., bytes]
) -> None:
    # Bytes that only look like gzip are a message like any other: malformed.
    code, _, _ = await refusal(export(channel, Signal.TRACES, gzip.compress(spans(3))))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert bus.sent == []


async def test_concurrent_exports_on_one_channel_all_arrive(
    channel: Any, bus: FakeBus, spans: Callable[..., bytes]
) -> None:
    bodies = [spans(number % 5 + 1, number) for number in range(200)]
    answers = await asyncio.gather(*(_call(channel, body) for body in bodies))
    assert set(answers) == {b""}
    assert sorted(record.value for record in bus.sent) == sorted(bodies)
    assert sorted(int(record.header("sightline-seq") or 0) for record in bus.sent) == list(
        range(1, 201)
    )
