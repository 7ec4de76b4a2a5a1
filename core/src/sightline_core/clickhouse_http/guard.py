"""What settings and statements may not do: the engine has our rights, and takes files for tables.

Names of settings are closed unless listed. A table may be no string and no file: the engine's
default database opens files whose names it finds where a table is expected, even when read-only.
"""

from __future__ import annotations

import os
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from sightline_core.clickhouse_http.refusal import ACCESS_DENIED, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sightline_core.clickhouse_http.statement import Token

# Numbers and switches by family; what takes text is named one by one.
ALLOWED_SETTINGS = re.compile(
    r"(max|min)_\w+|\w+_overflow_mode(_\w+)?|extremes|limit|offset|final|mutations_sync|alter_sync"
    r"|(input|output)_format_\w+|format_(csv|tsv|custom|json)_\w+|date_time_(in|out)put_format"
    r"|bool_(true|false)_representation|format_binary_max_\w+|schema_inference_\w+"
    r"|(non_replicated_)?deduplicat\w+|insert_dedup\w+|materialized_views_ignore_errors"
    r"|join_\w+|\w+_join_\w+|(any_)?join_use_nulls|transform_null_in|session_timezone"
    r"|optimize_\w+|group_by_\w+|aggregate_functions_\w+|union_default_mode|readonly"
    r"|(async_insert|wait_for_async_insert|insert_null_as_default|insert_quorum)\w*"
    r"|(enable|use)_(analyzer|http_compression|json_type|variant_type|dynamic_type|skip_indexes"
    r"|query_cache|time_time64_type|nullable_tuple_type|full_text_index|positional_arguments)"
    r"|allow_experimental_(nullable_tuple_type|json_type|variant_type|dynamic_type|analyzer"
    r"|full_text_index|bigint_types|object_type)|allow_suspicious_\w+|describe_\w+"
    r"|send_progress_in_http_headers|http_\w+|cancel_http_readonly_queries_on_client_close"
    r"|send_timeout|receive_timeout|prefer_column_name_to_alias|log_queries|timeout_before_\w+"
    r"|index_granularity\w*|ttl_only_drop_parts|merge_selector_base|merge_with_ttl_timeout"
    r"|fsync_\w+|cast_\w+|parts_to_\w+|old_parts_lifetime"
)
REFUSED_SETTINGS = re.compile(
    r".*(_path|_url|_schema|_template_\w+|profile|_headers_\w*value|_table_name)|http_response_headers"
    r"|\w*(credentials|_proxy_\w*)"
)
SAFE_ENGINES = re.compile(
    r"((replacing|summing|aggregating|collapsing|versionedcollapsing|coalescing)?mergetree)"
    r"|memory|null|log|tinylog|stripelog|set|join|generaterandom|atomic|ordinary"
)
_DDL: Final = frozenset({"create", "attach", "replace"})
_BEFORE_KIND: Final = frozenset({"or", "replace", "temporary"})
_KINDS: Final = frozenset({"table", "view", "materialized", "database", "function", "index"})
_CLOSED: Final = frozenset({"backup", "restore", "copy", "execute", "parallel"})
_TABLE_NEXT: Final = frozenset(
    {"from", "join", "into", "table", "describe", "desc", "exists", "view", "only", "to", "as"}
)  # fmt: skip
_TABLES_END: Final = frozenset(
    "where prewhere group order limit select having settings format union qualify window".split()  # noqa: SIM905
)
_STAR = re.compile(r"\w+\(\*\)")


def refuse_setting(name: str) -> None:
    """Raise unless the setting is one that clients may choose."""
    if not ALLOWED_SETTINGS.fullmatch(name) or REFUSED_SETTINGS.fullmatch(name):
        raise Refusal(ACCESS_DENIED, f"cannot change the setting {name[:60]!r} from here")


def refuse_name(name: str) -> None:
    """Raise when the engine could take the name of a table for one or more files."""
    glob = any(sign in name for sign in "*?{") and not _STAR.fullmatch(name)
    path = name.startswith(("/", ".", "~")) or "/../" in name or "://" in name
    if glob or path or not name.isprintable() or os.path.isfile(name):  # noqa: PTH113
        raise Refusal(ACCESS_DENIED, "cannot use a name that may be a file's")


def refuse_tokens(seen: Sequence[Token], settings: frozenset[str], text: str) -> None:
    """Raise when a statement takes files for tables, or makes or sets what is closed.

    Args:
        seen: the statement.
        settings: every setting of the engine.
        text: what was read, as Latin-1.
    """
    _refuse_tables(seen, text)
    _refuse_making(seen)
    _refuse_clause(seen, settings, text)


def _refuse_tables(seen: Sequence[Token], text: str) -> None:
    inside = [False]
    for at, token in enumerate(seen):
        before = seen[at - 1] if at else None
        word = before.word if before and before.kind == "word" else ""
        listed = before is not None and (before.kind == "open" or text[before.start] == ",")
        expected = word in _TABLE_NEXT or (listed and inside[-1])
        raw = text[token.start : token.end].encode("latin-1").decode("utf-8", "replace")
        if token.kind in {"string", "heredoc"} and expected and word not in {"as", "to"}:
            raise Refusal(ACCESS_DENIED, "cannot use a string as a table: it may name a file")
        if token.kind == "quoted":
            refuse_name(raw[1:-1].replace(raw[0] * 2, raw[0]))
        if token.kind == "word":
            start = token.start
            while start and re.match(r"[0-9A-Za-z_]", text[start - 1]):
                start -= 1
            refuse_name(text[start : token.end])
            if token.word in {"from", "join"}:
                inside[-1] = True
            elif token.word in _TABLES_END:
                inside[-1] = False
        if token.kind == "open":
            inside.append(expected and text[token.start] == "(")
        elif token.kind == "close" and len(inside) > 1:
            inside.pop()


def _refuse_making(seen: Sequence[Token]) -> None:
    words = [token.word for token in seen]
    closed = bool(words) and words[0] in _CLOSED
    closed |= any(pair == ("parallel", "with") for pair in pairwise(words))
    if words and words[0] in _DDL:
        kind = next((word for word in words[1:] if word not in _BEFORE_KIND), "")
        closed |= kind not in _KINDS or (words[0] == "attach" and "from" in words)
        for at, word in enumerate(words[:-1]):
            if word == "engine":
                engine = words[at + 1] or (words[at + 2] if at + 2 < len(words) else "")
                closed |= not SAFE_ENGINES.fullmatch(engine)
    if closed:
        raise Refusal(ACCESS_DENIED, "cannot run the statement: it may reach beyond the store")


def _refuse_clause(seen: Sequence[Token], settings: frozenset[str], text: str) -> None:
    within = False
    for at, token in enumerate(seen):
        before = seen[at - 1] if at else None
        starts = before is not None and before.word in {"settings", "setting", "set"}
        # `system.settings` is a table; behind `1.` or `0x1F.` it would be the clause.
        table = at > 2 and text[seen[at - 2].start] == "." and seen[at - 3].word == "system"
        starts &= not table
        if starts and token.word:
            within = True
        follows = starts or (before is not None and before.kind == "other")
        if within and follows and token.word in settings:
            refuse_setting(token.word)


def refuse_parameters(seen: Iterable[Token], parameters: Iterable[str]) -> None:
    """Raise when a parameter that may stand for a name names a file."""
    if any(token.word == "identifier" for token in seen):
        for value in parameters:
            refuse_name(value)
            if "\\" in value:
                raise Refusal(ACCESS_DENIED, "cannot use a name with a backslash in it")
