"""Errors as RFC 9457 problem details: one shape for everything that is not an answer."""

from __future__ import annotations

import http
import logging
from typing import TYPE_CHECKING, Any, Final

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from sightline_core.errors import BusError, SightlineError, StoreError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI, Request

MEDIA_TYPE: Final = "application/problem+json"
TIMEOUT_EXCEEDED: Final = 159
TOO_BIG: Final = frozenset({158, 241, 307, 396})  # rows, memory, bytes, rows or bytes of a result
SHOWN_INPUT: Final = 100
_NARROW: Final = "ask for a shorter time range, or filter by service or operation"

_log = logging.getLogger(__name__)


class ProblemDetails(BaseModel):
    """The body of every error.

    Attributes:
        type: a URN that names the kind of problem; stable.
        position: in the query language: characters before the one that is wrong.
    """

    type: str
    title: str
    status: int
    detail: str
    position: int | None = None


class Problem(SightlineError):  # noqa: N818 - the specification's name for it
    """An answer that is an error; `detail` tells the caller what to do."""

    def __init__(self, status: int, kind: str, detail: str, **members: object) -> None:
        """Name the `kind` in a few words, joined by hyphens; `members` extend the body."""
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.members = members


def bad_request(detail: str, **members: object) -> Problem:
    """Return the problem of a parameter that cannot be used."""
    return Problem(400, "invalid-parameter", detail, **members)


def not_found(detail: str) -> Problem:
    """Return the problem of something that is not in the store."""
    return Problem(404, "not-found", detail)


def problem_response(
    status: int,
    kind: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    members: Mapping[str, object] | None = None,
) -> JSONResponse:
    """Return the response that carries a problem."""
    title = kind.replace("-", " ").capitalize()
    body: dict[str, object] = {
        "type": f"urn:sightline:problem:{kind}",
        "title": title,
        "status": status,
    }
    return JSONResponse(
        body | {"detail": detail} | dict(members or {}),
        status_code=status,
        media_type=MEDIA_TYPE,
        headers=dict(headers or {}),
    )


def register_handlers(app: FastAPI) -> None:
    """Make every error of `app` a problem."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(StoreError, _store)
    app.add_exception_handler(BusError, _bus)
    app.add_exception_handler(Exception, _unexpected)


def _problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return problem_response(error.status, error.kind, str(error), members=error.members)


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    kind = http.HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
    detail = str(error.detail)
    if error.status_code == 404:
        detail = f"cannot find {request.url.path}: the paths are listed at /api/v1/openapi.json"
    elif error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "GET")
        detail = f"cannot {request.method} {request.url.path}: it answers {allowed}"
    return problem_response(error.status_code, kind, detail, headers=error.headers)


def _validation(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return problem_response(
        400, "invalid-parameter", "; ".join(_explain(one) for one in error.errors())
    )


def _explain(one: Mapping[str, Any]) -> str:
    name = ".".join(str(part) for part in one["loc"][1:])
    given = repr(one["input"])
    if len(given) > SHOWN_INPUT:
        given = f"{given[:SHOWN_INPUT]}…"
    return f"cannot use parameter {name}: {one['msg']} (got {given})"


def _store(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, StoreError)
    _log.warning("cannot answer %s: %s", request.url.path, error)
    if error.code == TIMEOUT_EXCEEDED:
        return problem_response(504, "query-timeout", f"cannot answer in time: {_NARROW}")
    if error.code in TOO_BIG:
        return problem_response(503, "query-too-large", f"cannot hold the answer: {_NARROW}")
    if isinstance(error, StoreUnavailable):
        return problem_response(
            503,
            "store-unavailable",
            "cannot reach the store for now: try again in a few seconds",
            headers={"Retry-After": "2"},
        )
    return problem_response(
        500, "store-error", "cannot run the query: the reason is in the log of the query API"
    )


def _bus(request: Request, error: Exception) -> JSONResponse:
    _log.warning("cannot answer %s: %s", request.url.path, error)
    return problem_response(
        503, "bus-unavailable", "cannot reach the bus for now: try again in a few seconds"
    )


def _unexpected(request: Request, _: Exception) -> JSONResponse:
    return problem_response(
        500,
        "internal-error",
        f"cannot answer {request.url.path}: this is a fault of the query API, see its log",
    )
