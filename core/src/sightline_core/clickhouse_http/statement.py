"""What must be known of a statement before the engine sees it: its kind, its format, its data.

Also what it must not contain. The engine runs in our process and with our rights, and some of its
functions read files, run programs or open connections even when `readonly` is set.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sightline_core.clickhouse_http.refusal import ACCESS_DENIED, READONLY, SYNTAX_ERROR, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_STATEMENT_BYTES: Final = 256 << 10

# The engine's lexer, as far as it decides what is code. Bytes above 127 are no part of words here,
# so that no exotic space can hide one.
_TOKEN = re.compile(
    r"""
    (?P<space>[\x00-\x20\x7f-\xff]++)
  | (?P<line>(?:--|//|\#[ !])[^\n]*+)
  | (?P<block>/\*)
  | (?P<string>'(?:[^'\\]++|\\.|'')*+')
  | (?P<quoted>`(?:[^`\\]++|\\.|``)*+`|"(?:[^"\\]++|\\.|"")*+")
  | (?P<heredoc>\$(?P<tag>\w*+)\$.*?\$(?P=tag)\$)
  | (?P<word>[A-Za-z_][A-Za-z0-9_$]*+)
  | (?P<open>[(\[{]) | (?P<close>[)\]}]) | (?P<end>;)
  | (?P<broken>['"`])
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_BLOCK_EDGE = re.compile(r"/\*|\*/")
# U+2018, U+2019, U+201C, U+201D as the engine reads them: quotes.
_CURLY_QUOTE = re.compile(r"\xe2\x80[\x98\x99\x9c\x9d]")
_SKIPPED: Final = frozenset({"space", "line"})

READS: Final = frozenset(
    {"select", "with", "show", "describe", "desc", "explain", "exists", "from"}
)
CHANGES: Final = frozenset(
    """
    alter attach backup begin check commit copy create delete detach drop exchange execute grant
    insert kill move optimize parallel rename replace restore revoke rollback set system truncate
    undrop update use watch
    """.split()  # noqa: SIM905 - a table of words
)
STREAMED: Final = frozenset({"select", "with", "from"})
# These name things that may be reached without a parenthesis after them.
FORBIDDEN_WORDS: Final = frozenset(
    {
        "file",
        "python",
        "eval",
        "hascolumnintable",
        "infile",
        "outfile",
        "format_schema",
        "format_schema_source",
        "output_format_schema",
        "format_template_row",
        "format_template_resultset",
        "input_format_record_errors_file_path",
    }
)
# Table functions that stay within the engine; all others of the engine are refused.
SAFE_TABLE_FUNCTIONS: Final = frozenset(
    [
        "fuzzjson",
        "fuzzquery",
        "generaterandom",
        "generateseries",
        "generate_series",
        "input",
        "merge",
        "mergetreeanalyzeindexes",
        "mergetreeanalyzeindexesuuid",
        "mergetreecodecblockcounts",
        "mergetreeindex",
        "mergetreeprojection",
        "mergetreetextindex",
        "null",
        "numbers",
        "numbers_mt",
        "primes",
        "sqlstandardvalues",
        "timeseriesdata",
        "timeseriesmetrics",
        "timeseriestags",
        "values",
        "view",
        "viewexplain",
        "viewifpermitted",
        "zeros",
        "zeros_mt",
        "format",
        "dictionary",
    ]
)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of code; `word` is lower case and without quotes, empty for what is no name."""

    kind: str
    word: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Statement:
    """What `read_statement` found.

    Attributes:
        first: the first word, lower case.
        format: what the statement's FORMAT clause names, empty without one.
        data_at: where the data of an INSERT begin; None when it has none of its own.
        source_at: where `FROM INFILE` belongs in such an INSERT.
        end: where the statement ends that is to be run.
        words: every name in it, and whether a parenthesis follows.
    """

    first: str
    format: str
    data_at: int | None
    source_at: int
    end: int
    words: frozenset[tuple[str, bool]]

    @property
    def reads(self) -> bool:
        """Whether its kind changes nothing."""
        return self.first in READS


def tokens(text: str) -> Iterator[Token]:
    """Yield the code in `text`, which is bytes read as Latin-1, without spaces and comments.

    Raises:
        Refusal: a quote or a comment has no end, or a quote is one that people do not see.
    """
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        assert match is not None
        assert match.lastgroup is not None
        kind = "heredoc" if match["heredoc"] else match.lastgroup
        start, at = at, match.end()
        if kind == "block":
            at = _block_end(text, at)
            continue
        if kind == "broken":
            raise Refusal(SYNTAX_ERROR, "cannot read the statement: a quote has no end")
        if kind == "space" and _CURLY_QUOTE.search(match[0]):
            raise Refusal(
                SYNTAX_ERROR, "cannot read the statement: typographic quotes; use straight ones"
            )
        if kind in _SKIPPED:
            continue
        word = _name(kind, match[0])
        yield Token(kind, word, start, at)


def _block_end(text: str, at: int) -> int:
    depth = 1
    while depth:
        edge = _BLOCK_EDGE.search(text, at)
        if edge is None:
            raise Refusal(SYNTAX_ERROR, "cannot read the statement: a comment has no end")
        depth += 1 if edge[0] == "/*" else -1
        at = edge.end()
    return at


def _name(kind: str, text: str) -> str:
    if kind == "quoted":
        if "\\" in text:
            raise Refusal(SYNTAX_ERROR, "cannot read the statement: a name with a backslash in it")
        return text[1:-1].lower()
    return text.lower() if kind == "word" else ""


def read_statement(head: bytes) -> Statement:
    """Read the statement at the beginning of `head`; what follows an INSERT's format is data.

    Raises:
        Refusal: there is none, more than one, or it cannot be read.
    """
    text = head.decode("latin-1")
    seen: list[Token] = []
    depth, form, source_at, ended = 0, "", 0, False
    words: set[tuple[str, bool]] = set()
    for token in tokens(text):
        if ended and token.kind != "end":
            raise Refusal(SYNTAX_ERROR, "cannot run more than one statement at once")
        ended = ended or token.kind == "end"
        if seen and seen[-1].word:
            words.add((seen[-1].word, token.kind == "open"))
        depth += (token.kind == "open") - (token.kind == "close")
        previous = seen[-1].word if seen else ""
        seen.append(token)
        if depth:
            continue
        if previous == "format" and token.kind in {"word", "quoted"}:
            form = head[token.start : token.end].decode("latin-1").strip('`"')
        if not _inserting(seen):
            continue
        if token.word == "settings":
            source_at = source_at or token.start
        elif token.word == "values" or (form and previous == "format"):
            words.update((one.word, False) for one in seen[-2:] if one.word)
            keyword = seen[-2] if previous == "format" else token
            return Statement(
                first="insert",
                format=form or "Values",
                data_at=_data_start(text, token),
                source_at=source_at or keyword.start,
                end=keyword.start,
                words=frozenset(words),
            )
    if not seen or seen[0].kind == "end":
        raise Refusal(SYNTAX_ERROR, "cannot run an empty statement")
    words.add((seen[-1].word, False))
    first = next((token.word for token in seen if token.kind != "open"), "")
    end = seen[-1].start if ended else len(head)
    return Statement(first, form, None, 0, end, frozenset(words))


def _inserting(seen: list[Token]) -> bool:
    """Whether the words that introduce data may come now: INSERT INTO name, and no query yet."""
    inserting = len(seen) > 3 and seen[0].word == "insert"
    return inserting and not any(
        token.word in {"select", "with", "infile", "watch"} for token in seen[3:]
    )


def _data_start(text: str, token: Token) -> int:
    match = re.compile(r"[ \t\f]*\r?\n?").match(text, token.end)
    assert match is not None
    return match.end()


def refuse_forbidden(statement: Statement, table_functions: frozenset[str]) -> None:
    """Raise when the statement names what leaves the engine: files, programs, the network.

    Args:
        statement: as read.
        table_functions: the names of all that the engine has, lower case.
    """
    for word, called in statement.words:
        outside = called and word in table_functions and word not in SAFE_TABLE_FUNCTIONS
        if word in FORBIDDEN_WORDS or outside or (called and word.startswith("ai")):
            raise Refusal(
                ACCESS_DENIED,
                f"cannot run the statement: {word!r} reaches files, programs or the network "
                "outside the store, which is closed here",
            )
    if statement.first == "system" and {"shutdown", "kill"} & {word for word, _ in statement.words}:
        raise Refusal(ACCESS_DENIED, "cannot end the engine from here: stop `sightline` instead")


def refuse_writing(statement: Statement) -> None:
    """Raise unless the statement only reads."""
    if statement.reads:
        return
    if statement.first not in CHANGES:
        raise Refusal(SYNTAX_ERROR, f"Syntax error: failed at {statement.first[:40]!r}")
    raise Refusal(READONLY, "Cannot execute query in readonly mode")
