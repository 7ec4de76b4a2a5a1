"""One dead letter, decoded as far as it can be."""

from __future__ import annotations

import base64
import json
import time
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from starlette.concurrency import run_in_threadpool

from sightline_core.bus.protocol import Record, TopicPartition
from sightline_core.dead_letters.content import Content, read_content
from sightline_core.dead_letters.letter import Source, read_letter, sources
from sightline_core.dead_letters.redact import is_secret, marker, redact, redact_text
from sightline_core.errors import OffsetOutOfRange
from sightline_query_api.backend import Serving
from sightline_query_api.completeness import AnyProgress, assess
from sightline_query_api.dead_letters.listing import columns
from sightline_query_api.dead_letters.models import (
    DeadLetter,
    DeadLetterDetail,
    DeadLetterEvent,
    DecodeBreak,
    DecodedValue,
    Header,
    RawValue,
    dead_letter,
)
from sightline_query_api.problems import not_found
from sightline_query_api.times import rfc3339

router = APIRouter(tags=["dead letters"])

HEX_BYTES: Final = 4096
WHOLE_BYTES: Final = 1 << 20
TEXT_BYTES: Final = 64 << 10
MOST_HEADERS: Final = 200
HEADER_BYTES: Final = 4096


@router.get("/dead-letters/{letter_id}")
async def get_dead_letter(
    letter_id: Annotated[str, Path(pattern="^[0-9a-f]{32}$")],
    backend: Serving,
    progress: AnyProgress,
    reveal: Annotated[  # noqa: FBT002 - a parameter of the URL
        bool, Query(description="show secrets too, and the bytes; needed to edit it")
    ] = False,
    offset: Annotated[int, Query(ge=0, description="first byte of the hex dump")] = 0,
) -> DeadLetterDetail:
    """Return a dead letter with what is inside it, decoded up to where it breaks."""
    letter = await run_in_threadpool(find_letter, backend, letter_id)
    events = await run_in_threadpool(backend.queries.rows, "dead_letter_events", {"id": letter_id})
    record, missing = await held_record(backend, letter)
    value = raw = None
    if record is not None:
        source = _source(backend, letter)
        value = await run_in_threadpool(_decoded, source, record.value, reveal=reveal)
        raw = _raw(record.value, offset) if reveal else None
    return DeadLetterDetail(
        letter=letter,
        key=None if record is None or record.key is None else _shown(record.key, reveal=reveal)[0],
        headers=_headers(record, reveal=reveal) if record else [],
        value=value,
        raw=raw,
        events=[DeadLetterEvent(**row | {"time": rfc3339(row["time"])}) for row in events],
        missing=missing,
        completeness=assess(progress, end=time.time_ns()),
    )


def find_letter(backend: Serving, letter_id: str) -> DeadLetter:
    """Return a letter from the index.

    Raises:
        Problem: there is none of that id.
    """
    rows = backend.queries.rows("dead_letter", {"id": letter_id}, columns=columns())
    if not rows:
        raise not_found(f"cannot find dead letter {letter_id}: there is none, or it has expired")
    return dead_letter(rows[0])


async def held_record(backend: Serving, letter: DeadLetter) -> tuple[Record | None, str]:
    """Return the letter's message from the bus, or why it is not there."""
    at = TopicPartition(letter.dlq_topic, letter.dlq_partition)
    try:
        found = await backend.bus.read(at, letter.dlq_offset, letter.dlq_offset)
    except OffsetOutOfRange:
        found = []
    if not found:
        return None, "the dead-letter topic does not hold its bytes any more"
    if read_letter(found[0], _source(backend, letter)).id != letter.id:
        return None, "the dead-letter topic was made anew: another message stands in its place"
    return found[0], ""


def _source(backend: Serving, letter: DeadLetter) -> Source:
    known = sources(backend.settings.dead_letter_topics)
    # A topic that is not watched any more can still be looked at.
    return known.get(letter.dlq_topic) or Source(letter.dlq_topic, letter.topic)


def _decoded(source: Source, value: bytes, *, reveal: bool) -> DecodedValue:
    content: Content = read_content(source, value)
    text = None
    if content.format in {"json", "text"}:
        text = value[:TEXT_BYTES].decode(errors="replace")
    return DecodedValue(
        format=content.format,
        tree=content.tree if reveal else redact(content.tree),
        text=text if reveal or text is None else redact_text(text),
        breaks=[
            DecodeBreak(offset=one.offset, path=one.path, reason=one.reason)
            for one in content.breaks
        ],
        cut=content.cut,
    )


def _raw(value: bytes, offset: int) -> RawValue:
    whole = base64.b64encode(value).decode("ascii") if len(value) <= WHOLE_BYTES else None
    return RawValue(offset=offset, hex=value[offset : offset + HEX_BYTES].hex(), base64=whole)


def _headers(record: Record, *, reveal: bool) -> list[Header]:
    headers = []
    for name, value in record.headers[:MOST_HEADERS]:
        text, binary = _shown(value, reveal=reveal)
        hidden = not reveal and is_secret(name)
        headers.append(
            Header(
                name=name[:1000],
                value=marker(name) if hidden else text,
                binary=binary and not hidden,
            )
        )
    return headers


def _shown(value: bytes, *, reveal: bool) -> tuple[str, bool]:
    """Return bytes as text, or as hex and True if they are none."""
    part = value[:HEADER_BYTES]
    try:
        text = part.decode()
    except UnicodeDecodeError:
        return part.hex(), True
    return (text if reveal else redact_text(text)), False


def summary(tree: Any) -> Any:
    """Return a tree with secrets masked, cut to what a person looks at."""
    text = json.dumps(redact(tree), ensure_ascii=False)
    return redact(tree) if len(text) <= TEXT_BYTES else f"{text[:TEXT_BYTES]}…"
