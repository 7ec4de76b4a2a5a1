"""Running one statement on the embedded engine, on a handle of its own.

A handle is cheap (0.2 ms) and keeps what was `SET` on it, so that a new one for each request is
the simplest way to keep requests apart. Calls block and release the GIL.
"""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import chdb

from sightline_core.clickhouse_http.native import with_protocol
from sightline_core.clickhouse_http.refusal import BAD_ARGUMENTS, EngineRefusal, Refusal
from sightline_core.clickhouse_http.statement import STREAMED

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping
    from pathlib import Path

    from sightline_core.clickhouse_http.statement import Statement

# chDB encodes every block of a stream by itself; only these formats can be put together again.
STREAMABLE: Final = frozenset(
    {"native", "tabseparated", "tsv", "csv", "rowbinary", "jsoneachrow", "ndjson", "jsonlines"}
)
MAX_RESULT_BYTES: Final = 512 << 20
"""Of answers that the engine must hold in memory to write them."""
SUMMARY: Final = (
    "read_rows", "read_bytes", "written_rows", "written_bytes", "result_rows", "elapsed_ns",
)  # fmt: skip
_SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,100}")
_FORMAT_NAME = re.compile(r"[A-Za-z0-9]{1,60}")


@dataclass(frozen=True, slots=True)
class Job:
    """What one request asks of the engine.

    Attributes:
        text: the statement; for an INSERT with data everything before them.
        format: of the answer; of the data for an INSERT with data.
        parameters: of the statement, without the prefix `param_`, escaped as in TSV.
        settings: for this statement alone, checked.
        readonly: the setting of that name; 1 forbids settings within the statement, too.
        protocol: of Native, as `client_protocol_version` says.
        data: a file with the data of an INSERT.
    """

    text: bytes
    statement: Statement
    format: str
    parameters: Mapping[str, str]
    settings: Mapping[str, str]
    database: str
    readonly: int
    protocol: int = 0
    data: Path | None = None

    @property
    def streams(self) -> bool:
        """Whether the answer can be had piece by piece."""
        return self.statement.first in STREAMED and self.format.lower() in STREAMABLE


@dataclass(slots=True)
class Summary:
    """What an answer says about its work, as far as it is known when its headers are sent."""

    values: dict[str, int] = field(default_factory=dict)

    def add(self, **counted: int) -> None:
        """Count what the engine did for a part of the answer."""
        for name, number in counted.items():
            self.values[name] = self.values.get(name, 0) + number

    def header(self) -> bytes:
        """Return the value of `X-ClickHouse-Summary`."""
        return json.dumps({name: str(self.values.get(name, 0)) for name in SUMMARY}).encode()


class Engine:
    """The engine that this process has open in one directory."""

    def __init__(self, directory: Path) -> None:
        """Join the engine in `directory`; it must be open already, or is opened and kept so."""
        self._path = str(directory)
        self._anchor: Any = self.open()

    def open(self) -> Any:
        """Return a new handle."""
        connect: Any = chdb.connect
        return connect(self._path)

    def close(self) -> None:
        """Let go of the engine. Safe to call twice."""
        if self._anchor is not None:
            self._anchor.close()
            self._anchor = None

    def column(self, query: str) -> list[str]:
        """Return the first column of a statement of our own."""
        answer = self._anchor.query(query, "TabSeparatedRaw").bytes().decode()
        return [line.split("\t")[0] for line in answer.splitlines()]

    def stop(self, query_id: str) -> None:
        """Ask the query of that id to end; nobody waits for its answer any more."""
        with contextlib.suppress(chdb.ChdbError, RuntimeError), self._lent() as handle:
            handle.query(
                "KILL QUERY WHERE Settings['log_comment'] = {id:String} ASYNC",
                "Null",
                params={"id": query_id},
            )

    @contextlib.contextmanager
    def _lent(self) -> Iterator[Any]:
        handle = self.open()
        try:
            yield handle
        finally:
            handle.close()

    def run(self, job: Job, summary: Summary, handle: Any = None) -> Generator[bytes, None, None]:
        """Yield the answer piece by piece; fill `summary` before the first of them.

        Args:
            job: what to do.
            summary: gets what the engine counted.
            handle: of a session; otherwise a new one is used and closed.

        Raises:
            EngineRefusal: what the engine said.
        """
        owned = contextlib.nullcontext(handle) if handle is not None else self._lent()
        try:
            with owned as own, _prepared(own, job, restore=handle is not None):
                yield from _pieces(own, job, summary)
        except (chdb.ChdbError, RuntimeError) as error:
            if handle is not None:
                _settle(handle)
            raise EngineRefusal(str(error)) from error


def _settle(handle: Any) -> None:
    """Throw away what a failed statement answered: the next one would get it, too."""
    with contextlib.suppress(chdb.ChdbError, RuntimeError):
        handle.query("SELECT 1", "Null")


def _pieces(handle: Any, job: Job, summary: Summary) -> Iterator[bytes]:
    if not job.streams:
        yield _protocol(job, _whole(handle, job, summary))
        return
    stream = handle.send_query(job.text, job.format, params=dict(job.parameters))
    try:
        for block in stream:
            summary.add(
                read_rows=block.storage_rows_read(),
                read_bytes=block.storage_bytes_read(),
                result_rows=block.rows_read(),
                elapsed_ns=int(block.elapsed() * 1e9),
            )
            yield _protocol(job, block.bytes())
    finally:
        with contextlib.suppress(chdb.ChdbError):
            stream.close()


def _whole(handle: Any, job: Job, summary: Summary) -> bytes:
    answer = handle.query(_text(job), job.format, params=dict(job.parameters))
    summary.add(
        read_rows=answer.storage_rows_read(),
        result_rows=answer.rows_read() if job.statement.reads else 0,
        read_bytes=answer.storage_bytes_read(),
        written_rows=answer.rows_written(),
        written_bytes=answer.bytes_written(),
        elapsed_ns=int(answer.elapsed() * 1e9),
    )
    return bytes(answer.bytes() or b"")


def _text(job: Job) -> bytes:
    if job.data is None:
        return job.text
    # `FROM INFILE` cuts data into blocks by their content alone, so that a retry makes the same
    # blocks; what is pushed into the engine in pieces would be cut by the timing of the pieces.
    at = job.statement.source_at
    source = f" FROM INFILE {quoted(str(job.data))} COMPRESSION 'none' ".encode()
    return b"%b%b%b FORMAT %b" % (
        job.text[:at], source, job.text[at:], job.format.encode()
    )  # fmt: skip


def _protocol(job: Job, piece: bytes) -> bytes:
    return with_protocol(piece, job.protocol) if job.format.lower() == "native" else piece


@contextlib.contextmanager
def _prepared(handle: Any, job: Job, *, restore: bool) -> Iterator[None]:
    """Give the handle the job's database and settings; put a session's back afterwards."""
    if job.database:
        name = job.database.replace("\\", "\\\\").replace("`", "\\`")
        handle.query(f"USE `{name}`", "Null")
    settings = {**job.settings, **_bounds(job)}
    before = _current(handle, settings) if restore else {}
    _apply(handle, settings)
    if job.readonly:
        handle.query(f"SET readonly = {job.readonly}", "Null")
    try:
        yield
    finally:
        if before:
            _apply(handle, before)


def _bounds(job: Job) -> dict[str, str]:
    """Return the bound of what the engine may hold as an answer."""
    if job.streams or not job.statement.reads:
        return {}
    asked = job.settings.get("max_result_bytes", "")
    wanted = int(asked) if asked.isdigit() and len(asked) < 18 else 0
    return {"max_result_bytes": str(min(wanted or MAX_RESULT_BYTES, MAX_RESULT_BYTES))}


def _apply(handle: Any, settings: Mapping[str, str]) -> None:
    if settings:
        pairs = ", ".join(f"{name} = {quoted(value)}" for name, value in settings.items())
        handle.query(f"SET {pairs}", "Null")


def _current(handle: Any, settings: Mapping[str, str]) -> dict[str, str]:
    names = ", ".join(quoted(name) for name in settings)
    query = f"SELECT name, value FROM system.settings WHERE name IN ({names})"  # noqa: S608
    answer = handle.query(query, "JSONCompactEachRow").bytes() if names else b""
    return dict(json.loads(line) for line in answer.splitlines())


def quoted(value: str) -> str:
    """Return a string literal."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def checked_setting(name: str) -> str:
    """Return `name` when it can be the name of a setting.

    Raises:
        Refusal: it cannot.
    """
    if not _SETTING_NAME.fullmatch(name):
        raise Refusal(BAD_ARGUMENTS, f"cannot use {name[:60]!r} as the name of a setting")
    return name


def checked_format(name: str) -> str:
    """Return `name` when it can be the name of a format.

    Raises:
        Refusal: it cannot.
    """
    if not _FORMAT_NAME.fullmatch(name):
        raise Refusal(BAD_ARGUMENTS, f"cannot use {name[:60]!r} as the name of a format")
    return name
