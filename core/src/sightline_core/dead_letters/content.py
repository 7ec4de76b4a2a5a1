"""What is inside a dead letter, as far as it can be read."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from sightline_core.dead_letters.letter import Source, header_text
from sightline_core.dead_letters.partial import MAX_DEPTH, SHOWN_FIELDS, Break, decode_partially
from sightline_core.dead_letters.redact import redact_text
from sightline_core.wire.names import Signal
from sightline_core.wire.schema import schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sightline_core.bus.protocol import Record

PREVIEW_CHARACTERS: Final = 300
MOST_NAMES: Final = 100
"""Services, traces or correlation ids kept of one letter."""
_LEVELS: Final = {
    Signal.TRACES: ("resourceSpans", "scopeSpans", "spans"),
    Signal.LOGS: ("resourceLogs", "scopeLogs", "logRecords"),
    Signal.METRICS: ("resourceMetrics", "scopeMetrics", "metrics"),
}
_NO_JSON: Final = object()
_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*")
_READABLE: Final = re.compile(rb"[\x20-\x7e]{4,}")


@dataclass(frozen=True, slots=True)
class Content:
    """A value, read as far as possible.

    Attributes:
        format: otlp (as OTLP/JSON), json, text or binary; `tree` is None for the last two.
        breaks: where it could not be read; empty: `tree` is all there is.
        cut: whether there is more than was asked for.
    """

    format: Literal["otlp", "json", "text", "binary"]
    tree: Any = None
    breaks: tuple[Break, ...] = ()
    cut: bool = False

    @property
    def whole(self) -> bool:
        """Whether nothing is missing from `tree`."""
        return not self.breaks and not self.cut


@dataclass(frozen=True, slots=True)
class Gist:
    """What an index keeps of a value: whose it is, and a redacted line to recognise it by."""

    services: tuple[str, ...]
    trace_ids: tuple[str, ...]
    correlation_ids: tuple[str, ...]
    preview: str


def read_content(source: Source, value: bytes, *, fields: int = SHOWN_FIELDS) -> Content:
    """Return what can be read of a value; never raises."""
    if source.signal is not None:
        found = decode_partially(schema(source.signal).request.DESCRIPTOR, value, fields=fields)
        return Content("otlp", found.tree, tuple(found.breaks), found.cut)
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return Content("binary")
    tree = _parsed(text)
    return Content("text") if tree is _NO_JSON else Content("json", tree)


def _parsed(text: str) -> Any:
    """Return JSON as it can be passed on: not nested beyond measure, no halves of characters."""
    try:
        tree = json.loads(text)
        json.dumps(tree, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        whole = json.dumps(tree, ensure_ascii=False).encode("utf-8", "replace")
        tree = json.loads(whole)
    except (ValueError, RecursionError):
        return _NO_JSON
    level, depth = [tree], 0
    while level:
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        depth += 1
        if depth > MAX_DEPTH:
            return _NO_JSON
    return tree


def gist(source: Source, record: Record, content: Content) -> Gist:
    """Return what to index of a record whose value was read before."""
    if source.signal is None:
        return _application_gist(record, content)
    services: dict[str, None] = {}
    traces: dict[str, None] = {}
    correlations: dict[str, None] = {}
    names: list[str] = []
    for resource, item in _items(source.signal, content.tree):
        services.update(dict.fromkeys(_texts(resource.get("attributes"), "service.name")))
        correlations.update(dict.fromkeys(_texts(item.get("attributes"), "correlation.id")))
        if _TRACE_ID.fullmatch(trace_id := str(item.get("traceId", ""))):
            traces[trace_id] = None
        if len(names) < MOST_NAMES:
            names.append(_name(item))
    preview = ", ".join(name for name in dict.fromkeys(names) if name)
    return Gist(
        _bounded(services), _bounded(traces), _bounded(correlations),
        _line(preview) if preview else _readable(record.value),
    )  # fmt: skip


def items(signal: Signal, tree: Any) -> Iterator[dict[str, Any]]:
    """Return the spans, log records or metrics in an OTLP/JSON request."""
    return (item for _, item in _items(signal, tree))


def resources(signal: Signal, tree: Any) -> Iterator[dict[str, Any]]:
    """Return the resources in an OTLP/JSON request; each is there, if empty."""
    for group in tree.get(_LEVELS[signal][0], ()):
        yield group.setdefault("resource", {})


def _items(signal: Signal, tree: Any) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    groups, scopes, records = _LEVELS[signal]
    for group in tree.get(groups, ()):
        resource = group.get("resource", {})
        empty = True
        for scope in group.get(scopes, ()):
            for item in scope.get(records, ()):
                empty = False
                yield resource, item
        if empty:
            yield resource, {}


def _texts(attributes: Sequence[dict[str, Any]] | None, key: str) -> list[str]:
    return [
        str(text)
        for attribute in attributes or ()
        if attribute.get("key") == key
        and (text := attribute.get("value", {}).get("stringValue")) is not None
    ]


def _name(item: dict[str, Any]) -> str:
    body = item.get("body")
    if isinstance(body, dict):
        text = body.get("stringValue")
        return text if isinstance(text, str) else json.dumps(body, ensure_ascii=False)[:1000]
    return str(item.get("name", ""))


def _application_gist(record: Record, content: Content) -> Gist:
    tree = content.tree if isinstance(content.tree, dict) else {}
    parent = _TRACEPARENT.fullmatch(header_text(record.headers, "traceparent"))
    trace_id = parent[1] if parent else str(tree.get("trace_id", tree.get("traceId", ""))).lower()
    correlation = header_text(record.headers, "x-correlation-id") or tree.get("correlation_id", "")
    service = tree.get("service", "")
    if content.format == "binary":
        preview = _readable(record.value)
    else:
        # Masked before it is cut: half of a secret has lost the looks that give it away.
        preview = _line(record.value[: 64 << 10].decode(errors="replace"))
    return Gist(
        (service[:200],) if isinstance(service, str) and service else (),
        (trace_id,) if _TRACE_ID.fullmatch(trace_id) else (),
        (correlation[:1024],) if isinstance(correlation, str) and correlation else (),
        preview,
    )


def _bounded(found: dict[str, None]) -> tuple[str, ...]:
    return tuple(text[:1024] for text in list(found)[:MOST_NAMES] if text)


def _readable(value: bytes) -> str:
    words = " ".join(run.decode("ascii") for run in _READABLE.findall(value[: 16 << 10]))
    return _line(words) if words else f"{value[:32].hex(' ')}{' …' if len(value) > 32 else ''}"


def _line(text: str) -> str:
    masked = " ".join(redact_text(text).split())
    return masked if len(masked) <= PREVIEW_CHARACTERS else f"{masked[:PREVIEW_CHARACTERS]}…"
