"""ClickHouse's HTTP interface as an ASGI application over the embedded engine.

A request runs in its own thread on its own handle of the engine. Bodies of inserts go through a
file, answers through memory of one block, or through a file when the client wants to know of every
error before the first byte.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from sightline_core.clickhouse_http.answer import Answer
from sightline_core.clickhouse_http.body import Body, Disconnected
from sightline_core.clickhouse_http.engine import Job, checked_format
from sightline_core.clickhouse_http.guard import refuse_parameters, refuse_tokens
from sightline_core.clickhouse_http.refusal import (
    ACCESS_DENIED,
    SYNTAX_ERROR,
    TOO_MANY_QUERIES,
    Refusal,
)
from sightline_core.clickhouse_http.request import (
    Headers,
    Wanted,
    authenticate,
    read_request,
    url_parameters,
)
from sightline_core.clickhouse_http.sessions import Sessions
from sightline_core.clickhouse_http.statement import (
    MAX_STATEMENT_BYTES,
    read_statement,
    refuse_forbidden,
    refuse_writing,
    tokens,
)
from sightline_core.clickhouse_http.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sightline_core.clickhouse_http.body import Room
    from sightline_core.clickhouse_http.engine import Engine
    from sightline_core.store.schema_files import SchemaFiles

log = logging.getLogger(__name__)

NO_HANDLER: Final = "There is no handle {path}\n\nUse / or /ping for health checks.\n"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the port allows.

    Attributes:
        password: of the user `default`; empty for none.
        writable: whether anything may be changed.
        max_queries: statements at once; one more is refused.
        max_seconds: longest that a read may run.
        max_body_bytes: largest body of a request, decompressed.
    """

    password: str
    writable: bool
    max_queries: int
    max_seconds: float
    max_body_bytes: int


class ClickHouseHttp:
    """The application."""

    def __init__(self, engine: Engine, room: Room, schemas: SchemaFiles, limits: Limits) -> None:
        """Serve `engine`, which stays the caller's to close; bodies pass through `room`."""
        self._engine = engine
        self._room = room
        self._schemas = schemas
        self._limits = limits
        self._running = 0
        self._threads = ThreadPoolExecutor(limits.max_queries, thread_name_prefix="clickhouse-http")
        self._sessions = Sessions(engine.open)
        self._outside = frozenset(
            name.lower() for name in engine.column("SELECT name FROM system.table_functions")
        )
        self._settings_known = frozenset(
            engine.column("SELECT name FROM system.settings")
            + engine.column("SELECT name FROM system.merge_tree_settings")
        )
        (self._name,) = engine.column("SELECT hostName()")

    def close(self) -> None:
        """Wait for what runs and let go of the sessions."""
        self._threads.shutdown()
        self._sessions.close()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        headers = Headers(scope)
        answer = Answer(send, self._common(), head=scope["method"] == "HEAD")
        try:
            await self._answer(scope, headers, receive, answer)
        except Disconnected:
            return
        except Refusal as refusal:
            await answer.refuse(refusal)

    def _common(self) -> list[tuple[bytes, bytes]]:
        return [
            (b"x-clickhouse-server-display-name", self._name.encode()),
            (b"x-clickhouse-timezone", b"UTC"),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        ]

    async def _answer(
        self, scope: dict[str, Any], headers: Headers, receive: Any, answer: Answer
    ) -> None:
        path, method = scope["path"], scope["method"]
        if path in {"/ping", "/replicas_status"}:
            await answer.text(200, "Ok.\n")
            return
        if path != "/":
            await answer.text(404, NO_HANDLER.format(path=path[:200]))
            return
        if method not in {"GET", "HEAD", "POST"}:
            await answer.text(405, "Use GET or POST.\n", [(b"allow", b"GET, HEAD, POST")])
            return
        if headers.get("origin") or headers.get("sec-fetch-site") in {"cross-site", "same-site"}:
            raise Refusal(ACCESS_DENIED, "cannot serve the pages of web sites")
        if not self._limits.password and not _own_name(headers.get("host")):
            raise Refusal(ACCESS_DENIED, "cannot answer under that name: use an address")
        url = url_parameters(scope["query_string"])
        authenticate(headers, url, self._limits.password)
        if method != "POST" and not url.get("query"):
            await answer.text(200, "Ok.\n")
            return
        wanted = read_request(
            method,
            headers,
            url,
            read_only=not self._limits.writable,
            max_seconds=self._limits.max_seconds,
        )
        answer.also(b"x-clickhouse-query-id", wanted.query_id.encode())
        body = Body(
            receive,
            query=wanted.query,
            encoding=wanted.encoding,
            limit=self._limits.max_body_bytes,
        )
        with self._counted():
            await self._run(wanted, body, answer, receive)
        # Only now: who has the end may use the session, and the room for one more statement.
        await answer.end()

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        if self._running >= self._limits.max_queries:
            raise Refusal(
                TOO_MANY_QUERIES,
                f"Too many simultaneous queries. Maximum: {self._limits.max_queries}",
            )
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1

    async def _run(self, wanted: Wanted, body: Body, answer: Answer, receive: Any) -> None:
        head, complete = await body.head()
        statement = read_statement(head)
        refuse_forbidden(statement, self._outside)
        if wanted.readonly:
            refuse_writing(statement)
        seen = list(tokens(head[: statement.end].decode("latin-1")))
        refuse_tokens(seen, self._settings_known, head.decode("latin-1"))
        refuse_parameters(seen, wanted.parameters.values())
        if statement.data_at is None and not complete:
            raise Refusal(
                SYNTAX_ERROR, f"cannot read the statement: longer than {MAX_STATEMENT_BYTES} bytes"
            )
        with contextlib.ExitStack() as held:
            data: Path | None = None
            if statement.data_at is not None:
                data = held.enter_context(self._room.file())
                await body.spool(head[statement.data_at :], data)
            job = Job(
                text=head[: statement.end],
                statement=statement,
                format=checked_format(statement.format or wanted.format),
                parameters=wanted.parameters,
                settings=self._settings(wanted),
                database=wanted.database,
                readonly=wanted.readonly,
                protocol=wanted.protocol,
                data=data,
            )
            # A read-only session has nothing to keep, and `readonly` cannot be taken back.
            handle = None
            if wanted.session:
                handle = held.enter_context(
                    self._sessions.lent(
                        wanted.session, wanted.session_seconds, must_exist=wanted.session_must_exist
                    )
                )
            work = Work(
                self._engine,
                job,
                None if wanted.readonly else handle,
                buffered=wanted.buffered,
                directory=self._room.directory,
            )
            await self._watched(work, wanted, answer, receive)

    def _settings(self, wanted: Wanted) -> dict[str, str]:
        """Return the settings, with what finds the statement again, and the schema as a file."""
        settings = {**wanted.settings, "log_comment": wanted.query_id}
        if wanted.schema is not None:
            file = self._schemas.path(wanted.schema.text)
            settings["format_schema"] = f"{file}:{wanted.schema.message}"
        return settings

    async def _watched(self, work: Work, wanted: Wanted, answer: Answer, receive: Any) -> None:
        """Send the answer while it is made; stop reading when the client has gone."""
        gone = asyncio.ensure_future(receive())
        try:
            first = await self._unless_gone(work.first, wanted, gone, work.job)
            if not first and not work.job.statement.reads:
                answer.also(b"x-clickhouse-summary", work.summary.header())
                return
            await answer.begin(work.job.format, work.summary.header(), wanted.accept)
            piece = first
            while piece is not None:
                await answer.piece(piece)
                piece = await self._unless_gone(work.following, wanted, gone, work.job)
        finally:
            gone.cancel()
            await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, work.close))

    async def _unless_gone(
        self,
        step: Callable[[], bytes | None],
        wanted: Wanted,
        gone: asyncio.Future[Any],
        job: Job,
    ) -> bytes | None:
        loop = asyncio.get_running_loop()
        running = loop.run_in_executor(self._threads, step)
        if job.statement.reads:
            await asyncio.wait({running, gone}, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                await loop.run_in_executor(None, self._engine.stop, wanted.query_id)
                await asyncio.wait({running})
                running.exception()
                raise Disconnected
        return await running


def _own_name(host: str) -> bool:
    """Whether no page elsewhere can have that name: DNS rebinding keeps the page's own."""
    try:
        name = (urlsplit(f"//{host}").hostname or "").removesuffix(".")
        return name == "localhost" or bool(ip_address(name))
    except ValueError:
        return False
