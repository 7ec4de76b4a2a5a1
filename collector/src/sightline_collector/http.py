"""OTLP over HTTP, to the letter of OTLP 1.11."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sightline_collector.decompress import STEP, decoder
from sightline_collector.refusal import JSON, PROTOBUF, Reason, Refusal, encode
from sightline_core.wire.names import Signal

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from sightline_collector.decompress import Decoder
    from sightline_collector.intake import Intake

BODY_SECONDS: Final = 60.0
"""Time in which a request body must arrive."""

_log = logging.getLogger(__name__)


def application(
    intake: Intake, *, ready: Callable[[], bool], body_seconds: float = BODY_SECONDS
) -> Starlette:
    """Return the ASGI application: `/v1/{traces,logs,metrics}`, `/healthz` and `/readyz`."""

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_: Request) -> Response:
        if ready():
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "stopping"}, status_code=503)

    routes = [
        Route(f"/v1/{signal}", _Export(intake, signal, body_seconds=body_seconds))
        for signal in Signal
    ]
    routes += [Route("/healthz", healthz), Route("/readyz", readyz)]
    app = Starlette(routes=routes, exception_handlers={404: _not_found})
    app.router.redirect_slashes = False
    return app


async def _not_found(request: Request, _: Exception) -> Response:
    assert isinstance(_, HTTPException)
    paths = ", ".join(f"/v1/{signal}" for signal in Signal)
    refusal = Refusal(Reason.NOT_FOUND, f"cannot find {request.url.path}: OTLP/HTTP has {paths}")
    return _refused(refusal, _answer_type(request.headers.get("content-type", "")))


class _Export:
    """The endpoint of one signal, plain ASGI: the body is taken as it comes."""

    def __init__(self, intake: Intake, signal: Signal, *, body_seconds: float) -> None:
        self._intake = intake
        self._signal = signal
        self._body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        stats = self._intake.stats.signals[self._signal]
        stats.requests += 1
        headers = dict(scope["headers"])
        content_type = headers.get(b"content-type", b"").decode("latin-1")
        try:
            response = await self._handle(scope["method"], headers, content_type, receive)
        except Refusal as refusal:
            stats.refused[refusal.reason.name.lower()] += 1
            response = _refused(refusal, _answer_type(content_type))
        except _Disconnected:
            stats.refused["disconnected"] += 1
            return
        except Exception:  # noqa: BLE001 - logged and answered below
            # The boundary of a request: the process and its neighbours go on.
            _log.exception("cannot handle an OTLP/HTTP request")
            stats.refused["internal"] += 1
            response = _refused(
                Refusal(Reason.INTERNAL, "cannot handle the request: internal error"),
                _answer_type(content_type),
            )
        await response(scope, receive, send)

    async def _handle(
        self, method: str, headers: dict[bytes, bytes], content_type: str, receive: Receive
    ) -> Response:
        if method != "POST":
            raise Refusal(Reason.METHOD, f"cannot export with {method}: use POST")
        answer_type = _media_type(content_type)
        if answer_type not in (PROTOBUF, JSON):
            raise Refusal(
                Reason.CONTENT_TYPE,
                f"cannot read the request: Content-Type {content_type[:80]!r} is not supported; "
                f"use {PROTOBUF} or {JSON}",
            )
        limit = self._intake.max_request_bytes
        codec = decoder(headers.get(b"content-encoding", b"").decode("latin-1"), limit=limit)
        if int(headers.get(b"content-length", b"0")) > limit:
            raise _too_large(limit)
        body = _Body(self._intake)
        try:
            request = await self._read(body, receive, codec)
            answer = await self._intake.export(self._signal, request, as_json=answer_type == JSON)
        finally:
            self._intake.release(body.size)
        return Response(encode(answer, answer_type), media_type=answer_type)

    async def _read(self, body: _Body, receive: Receive, codec: Decoder) -> bytes:
        try:
            async with asyncio.timeout(self._body_seconds):
                return await body.read(receive, codec)
        except TimeoutError as error:
            raise Refusal(
                Reason.TIMEOUT,
                f"cannot read the request: no complete body within {self._body_seconds:g} s",
            ) from error


class _Disconnected(Exception):  # noqa: N818
    """The client went away in the middle of its request."""


class _Body:
    """Reads a body; keeps account of what is held in memory, also when reading fails.

    Attributes:
        size: bytes held, to be released by the caller.
    """

    def __init__(self, intake: Intake) -> None:
        self.size = 0
        self._intake = intake

    async def read(self, receive: Receive, codec: Decoder) -> bytes:
        limit = self._intake.max_request_bytes
        pieces: list[bytes] = []
        received = 0
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Disconnected
            more = message.get("more_body", False)
            chunk: bytes = message.get("body", b"")
            received += len(chunk)
            if received > limit:
                raise _too_large(limit)
            for piece in codec.feed(chunk):
                if self.size + len(piece) > limit:
                    raise _too_large(limit)
                self._intake.hold(len(piece))
                self.size += len(piece)
                pieces.append(piece)
                if len(piece) == STEP:
                    await asyncio.sleep(0)  # others go on while a large body unfolds
        if received:
            codec.finish()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _too_large(limit: int) -> Refusal:
    return Refusal(
        Reason.TOO_LARGE,
        f"cannot take the request: larger than {limit} bytes (measured after decompression)",
    )


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _answer_type(content_type: str) -> str:
    # Where the request's own type is none of OTLP's, people can read JSON.
    return PROTOBUF if _media_type(content_type) == PROTOBUF else JSON


def _refused(refusal: Refusal, content_type: str) -> Response:
    headers = {}
    if refusal.retry_after is not None:
        headers["retry-after"] = str(refusal.retry_after)
    if refusal.reason is Reason.METHOD:
        headers["allow"] = "POST"
    return Response(
        encode(refusal.status(), content_type),
        status_code=refusal.reason.http_status,
        headers=headers,
        media_type=content_type,
    )
