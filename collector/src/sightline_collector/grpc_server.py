"""OTLP over gRPC. Requests stay bytes: nothing is decoded that must be encoded again."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio

from sightline_collector.refusal import Reason, Refusal
from sightline_core.wire.names import Signal
from sightline_core.wire.schema import schema

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sightline_collector.intake import Intake

_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}
_log = logging.getLogger(__name__)


def server(intake: Intake) -> Any:
    """Return a gRPC server for the three export services, not yet bound or started.

    The C core enforces the size limit on what arrives and again on what it decompresses, while
    decompressing, and answers RESOURCE_EXHAUSTED without RetryInfo
    (`docs/decisions/otlp-answers.md`).
    """
    options = [
        ("grpc.max_receive_message_length", intake.max_request_bytes),
        ("grpc.so_reuseport", 0),  # two collectors on one port would share it in silence
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    ]
    result = grpc.aio.server(options=options)
    result.add_generic_rpc_handlers((_Services(intake),))
    return result


class _Services(grpc.GenericRpcHandler):  # type: ignore[misc]
    def __init__(self, intake: Intake) -> None:
        self._methods = {
            f"/{schema(signal).service}/Export": grpc.unary_unary_rpc_method_handler(
                _exporter(intake, signal)
            )
            for signal in Signal
        }

    def service(self, handler_call_details: Any) -> Any:
        return self._methods.get(handler_call_details.method)


def _exporter(intake: Intake, signal: Signal) -> Callable[[bytes, Any], Awaitable[bytes]]:
    stats = intake.stats.signals[signal]

    async def export(request: bytes, context: Any) -> bytes:
        stats.requests += 1
        try:
            intake.hold(len(request))
            try:
                response = await intake.export(signal, request)
            finally:
                intake.release(len(request))
        except Refusal as error:
            refusal = error
        except Exception:  # noqa: BLE001 - logged and answered below
            # The boundary of a request: the process and its neighbours go on.
            _log.exception("cannot handle an OTLP/gRPC request")
            refusal = Refusal(Reason.INTERNAL, "cannot handle the request: internal error")
        else:
            answer: bytes = response.SerializeToString()
            return answer
        stats.refused[refusal.reason.name.lower()] += 1
        status = refusal.status()
        await context.abort(
            _CODES[status.code],
            status.message,
            (("grpc-status-details-bin", status.SerializeToString()),),
        )
        raise AssertionError("abort returns never")

    return export
