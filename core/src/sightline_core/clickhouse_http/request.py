"""What an HTTP request to ClickHouse's interface says: who asks, for what, under which settings."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from sightline_core.clickhouse_http.engine import checked_format, checked_setting
from sightline_core.clickhouse_http.guard import refuse_setting
from sightline_core.clickhouse_http.refusal import (
    ACCESS_DENIED,
    AUTHENTICATION_FAILED,
    BAD_ARGUMENTS,
    NOT_IMPLEMENTED,
    READONLY,
    Refusal,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

USER: Final = "default"
MAX_PARAMETERS: Final = 1000
MAX_SESSION_SECONDS: Final = 3600
# Parameters that concern the transport and are no settings of the engine.
TRANSPORT: Final = frozenset(
    [
        "query",
        "database",
        "default_format",
        "query_id",
        "quota_key",
        "user",
        "password",
        "session_id",
        "session_timeout",
        "session_check",
        "compress",
        "decompress",
        "wait_end_of_query",
        "buffer_size",
        "client_protocol_version",
        "role",
        "stacktrace",
        "close_session",
        "add_http_cors_header",
        "format_schema",
        "format_schema_source",
        "format_schema_message_name",
        "readonly",
    ]
)
_QUERY_ID = re.compile(r"[\x21-\x7e]{1,200}")


@dataclass(frozen=True, slots=True)
class Schema:
    """A format schema that came along as text."""

    text: str
    message: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Everything but the statement, checked.

    Attributes:
        query: the statement or its beginning; the body goes on with it.
        format: of an answer whose statement names none.
        encoding: of the body.
        accept: the `Accept-Encoding` of the client, empty when it may not be used.
        buffered: whether the answer may begin only when all of it is known.
        protocol: of Native.
        readonly: the engine's setting for it.
    """

    query: bytes
    query_id: str
    database: str
    format: str
    encoding: str
    accept: str
    buffered: bool
    protocol: int
    readonly: int
    session: str
    session_seconds: float
    session_must_exist: bool
    schema: Schema | None
    settings: Mapping[str, str]
    parameters: Mapping[str, str]


class Headers:
    """The headers of an ASGI request."""

    def __init__(self, scope: Mapping[str, object]) -> None:
        """Read them; of repeated ones the last counts."""
        pairs: list[tuple[bytes, bytes]] = list(scope["headers"])  # type: ignore[call-overload]
        self._values = {name.lower(): value.decode("utf-8", "replace") for name, value in pairs}

    def get(self, name: str) -> str:
        """Return a header, empty when it is not there."""
        return self._values.get(name.lower().encode(), "")


def url_parameters(query_string: bytes) -> dict[str, str]:
    """Return the parameters of the URL; of repeated ones the last counts.

    Raises:
        Refusal: too many, or not UTF-8.
    """
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=MAX_PARAMETERS,
            errors="strict",
        )
    except ValueError as error:
        raise Refusal(BAD_ARGUMENTS, f"cannot read the URL: {error}") from None
    return dict(pairs)


def authenticate(headers: Headers, url: Mapping[str, str], password: str) -> None:
    """Check who asks: the user `default`, with the password where one is set.

    Raises:
        Refusal: somebody else, or the wrong password.
    """
    user, given = _credentials(headers, url)
    known = hmac.compare_digest((user or USER).encode("utf-8", "replace"), USER.encode())
    right = hmac.compare_digest(given.encode("utf-8", "replace"), password.encode())
    if not (known and right):
        raise Refusal(
            AUTHENTICATION_FAILED,
            f"{user[:60] or USER}: Authentication failed: password is incorrect, or there is no "
            "user with such name",
        )


def _credentials(headers: Headers, url: Mapping[str, str]) -> tuple[str, str]:
    if headers.get("x-clickhouse-user") or headers.get("x-clickhouse-key"):
        return headers.get("x-clickhouse-user"), headers.get("x-clickhouse-key")
    scheme, _, packed = headers.get("authorization").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, key = base64.b64decode(packed, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise Refusal(AUTHENTICATION_FAILED, "cannot read the Authorization header") from None
        return user, key
    if scheme:
        raise Refusal(AUTHENTICATION_FAILED, f"{scheme[:20]} authentication is not supported")
    return url.get("user", ""), url.get("password", "")


def read_request(
    method: str, headers: Headers, url: Mapping[str, str], *, read_only: bool, max_seconds: float
) -> Wanted:
    """Read the request's URL and headers.

    Args:
        method: GET, HEAD or POST.
        headers: of the request.
        url: its parameters.
        read_only: whether the port is.
        max_seconds: longest that a read may run.

    Raises:
        Refusal: something in it cannot be used here.
    """
    if url.get("compress") in {"1", "true"} or url.get("decompress") in {"1", "true"}:
        raise Refusal(
            NOT_IMPLEMENTED,
            "ClickHouse's own block compression (compress=1, decompress=1) is not served here; "
            "use Content-Encoding and Accept-Encoding with zstd, lz4, gzip or deflate",
        )
    if headers.get("content-type").lower().startswith("multipart/"):
        raise Refusal(NOT_IMPLEMENTED, "external data and multipart forms are not served here")
    if url.get("role"):
        raise Refusal(ACCESS_DENIED, "there are no roles here")
    settings = {name: value for name, value in url.items() if _is_setting(name)}
    for name in settings:
        _check_setting(name)
    readonly = _readonly(method, url, read_only=read_only)
    asked = url.get("enable_http_compression", "1") not in {"0", "false"}
    return Wanted(
        query=url.get("query", "").encode(),
        query_id=_query_id(url, headers),
        database=url.get("database") or headers.get("x-clickhouse-database"),
        format=checked_format(
            url.get("default_format") or headers.get("x-clickhouse-format") or "TabSeparated"
        ),
        encoding=headers.get("content-encoding").strip().lower().replace("identity", ""),
        accept=headers.get("accept-encoding") if asked else "",
        buffered=url.get("wait_end_of_query", "0") in {"1", "true"},
        protocol=_number(url, "client_protocol_version", 0, 1 << 31),
        readonly=readonly,
        session=url.get("session_id", ""),
        session_seconds=_number(url, "session_timeout", 60, MAX_SESSION_SECONDS),
        session_must_exist=url.get("session_check", "0") not in {"0", ""},
        schema=_schema(url),
        settings=_bounded(settings, max_seconds, read_only=bool(readonly)),
        parameters={
            name.removeprefix("param_"): value
            for name, value in url.items()
            if name.startswith("param_")
        },
    )


def _readonly(method: str, url: Mapping[str, str], *, read_only: bool) -> int:
    """Return the engine's `readonly`: a port that is read-only lets nobody choose."""
    asked = url.get("readonly", "")
    if asked not in {"", "0", "1", "2"}:
        raise Refusal(BAD_ARGUMENTS, f"cannot use readonly={asked[:20]!r}: 0, 1 or 2")
    if read_only:
        if asked == "0":
            raise Refusal(READONLY, "Cannot modify 'readonly' setting in readonly mode")
        return 1
    return int(asked or 0) if method == "POST" else 1


def _is_setting(name: str) -> bool:
    return name not in TRANSPORT and not name.startswith("param_")


def _check_setting(name: str) -> None:
    refuse_setting(checked_setting(name))


def _bounded(settings: Mapping[str, str], max_seconds: float, *, read_only: bool) -> dict[str, str]:
    """Add the bounds of reads; what clients ask for may only be tighter."""
    if not read_only:
        return dict(settings)
    bounds = {"max_execution_time": max_seconds, "max_memory_usage": float(4 << 30)}
    tightened = dict(settings)
    for name, bound in bounds.items():
        try:
            asked = float(settings.get(name) or 0)
        except ValueError:
            asked = 0
        tightened[name] = f"{asked if 0 < asked < bound else bound:.15g}"
    return tightened


def _query_id(url: Mapping[str, str], headers: Headers) -> str:
    given = url.get("query_id") or headers.get("x-clickhouse-query-id")
    if given and not _QUERY_ID.fullmatch(given):
        raise Refusal(BAD_ARGUMENTS, "cannot use the query_id: only up to 200 visible characters")
    return given or str(uuid.uuid4())


def _number(url: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = url.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or len(text) > 18 or int(text) > most:
        raise Refusal(BAD_ARGUMENTS, f"cannot use {name}={text[:40]!r}: a number up to {most}")
    return int(text)


def _schema(url: Mapping[str, str]) -> Schema | None:
    if not url.get("format_schema"):
        return None
    if url.get("format_schema_source") != "string":
        raise Refusal(
            ACCESS_DENIED,
            "cannot read a format schema from a file: send its text as format_schema, with "
            "format_schema_source=string",
        )
    return Schema(url["format_schema"], url.get("format_schema_message_name", ""))
