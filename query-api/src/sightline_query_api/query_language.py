"""The query language: text to a tree and back.

    query   = or
    or      = and { "OR" and }
    and     = unary { [ "AND" ] unary }
    unary   = ( "NOT" | "-" ) unary | "(" or ")" | term
    term    = field ":" value | field ( ">" | ">=" | "<" | "<=" ) value | value
    value   = word [ "*" ] | quoted [ "*" ] | "*" | "[" bound "TO" bound "]"

A word ends at white space, a quote or a parenthesis. In quotes, a backslash makes the next
character literal. `*` ends a prefix, or stands alone for "is there". Bounds are included; `*` is an
open one.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from sightline_core.errors import SightlineError

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_LENGTH: Final = 32_768
MAX_DEPTH: Final = 50
MAX_TERMS: Final = 200

Operator = Literal["<", "<=", ">", ">="]


class QueryError(SightlineError):
    """A query cannot be read.

    Attributes:
        reason: why, without the position.
        position: characters before the one that is wrong.
    """

    def __init__(self, reason: str, position: int) -> None:
        """Say why, and where."""
        super().__init__(f"cannot read the query at character {position + 1}: {reason}")
        self.reason = reason
        self.position = position


@dataclass(frozen=True, slots=True)
class Match:
    """The field equals the text or starts with it; with no field, the record's own text has it."""

    field: str
    text: str
    prefix: bool = False
    position: int = dataclasses.field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Present:
    """The field is there and not empty."""

    field: str
    position: int = dataclasses.field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Compare:
    """The field is above or below a number."""

    field: str
    operator: Operator
    text: str
    position: int = dataclasses.field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Between:
    """The field is within bounds, both included; an empty bound is open."""

    field: str
    low: str
    high: str
    position: int = dataclasses.field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    """The term does not hold."""

    term: Node


@dataclass(frozen=True, slots=True)
class And:
    """All terms hold; two at least."""

    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of the terms holds; two at least."""

    terms: tuple[Node, ...]


Node = Match | Present | Compare | Between | Not | And | Or

_SPACE: Final = re.compile(r"\s+")
_WORD: Final = re.compile(r'[^\s()"]+')
_FIELD: Final = re.compile(r"([A-Za-z_@/][\w.\-/@]*)(:|>=|<=|>|<)")
_OPERATOR: Final = re.compile(r":|>=|<=|>|<")
_BOUND: Final = re.compile(r'[^\s()"\[\]]+')
_KEYWORDS: Final = frozenset({"AND", "OR", "NOT"})


def parse(text: str) -> Node | None:
    """Return the tree of a query; None for one that is empty or white space.

    Raises:
        QueryError: with the position of what is wrong.
    """
    if len(text) > MAX_LENGTH:
        raise QueryError(f"it is longer than {MAX_LENGTH} characters", MAX_LENGTH)
    return _Parser(text).query()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._terms = 0

    def query(self) -> Node | None:
        self._skip_space()
        if self._end:
            return None
        node = self._or()
        if not self._end:
            raise self._error("this parenthesis was never opened")
        return node

    @property
    def _end(self) -> bool:
        return self._at >= len(self._text)

    def _or(self) -> Node:
        terms = [self._and()]
        while self._keyword("OR"):
            terms.append(self._and())
        return terms[0] if len(terms) == 1 else Or(tuple(terms))

    def _and(self) -> Node:
        terms = [self._unary()]
        while True:
            if self._keyword("AND"):
                terms.append(self._unary())
            elif self._end or self._peek(")") or self._keyword("OR", take=False):
                return terms[0] if len(terms) == 1 else And(tuple(terms))
            else:
                terms.append(self._unary())

    def _unary(self) -> Node:
        if self._keyword("NOT"):
            return Not(self._nested(self._unary))
        if self._peek("-") and not self._space_after():
            self._at += 1
            return Not(self._nested(self._unary))
        if not self._peek("("):
            return self._term()
        opened = self._at
        self._advance()
        node = self._nested(self._or)
        if not self._peek(")"):
            raise QueryError("this parenthesis is never closed", opened)
        self._advance()
        return node

    def _nested(self, inner: Callable[[], Node]) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._error(f"it nests deeper than {MAX_DEPTH} levels")
        node = inner()
        self._depth -= 1
        return node

    def _term(self) -> Node:
        start = self._at
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise self._error(f"it has more than {MAX_TERMS} terms")
        if self._end or self._peek(")"):
            raise self._error('a term is missing here, such as a word or field:"value"')
        if self._keyword("AND", take=False) or self._keyword("OR", take=False):
            raise self._error("a term is missing before this; quote AND, OR, NOT to search them")
        name, operator = self._field()
        if operator in ("", ":"):
            node = self._value(name, start, named=operator == ":")
        else:
            node = self._comparison(name, operator, start)
        self._skip_space()
        return node

    def _field(self) -> tuple[str, str]:
        """Read a field's name with its operator, if there is one here."""
        if match := _FIELD.match(self._text, self._at):
            self._at = match.end()
            return match[1], match[2]
        if not self._peek('"'):
            return "", ""
        start = self._at
        name = self._quoted()
        if (match := _OPERATOR.match(self._text, self._at)) and name:
            self._at = match.end()
            return name, match[0]
        self._at = start
        return "", ""

    def _value(self, name: str, start: int, *, named: bool) -> Node:
        if named and self._peek("["):
            return self._range(name, start)
        if named and (self._end or self._text[self._at].isspace() or self._peek(")")):
            raise self._error(f'the value of {name} is missing; for an empty one write {name}:""')
        if named and self._peek("("):
            raise self._error(f"repeat the field inside: ({name}:a OR {name}:b)")
        if self._peek('"'):
            text = self._quoted()
            prefix = self._peek("*")
            self._at += prefix
        else:
            text, prefix = self._word()
            if not text:
                return Present(name, position=start)
        if not self._end and not self._text[self._at].isspace() and not self._peek(")"):
            raise self._error("there must be a space or a parenthesis after a value")
        return Match(name, text, prefix, position=start)

    def _word(self) -> tuple[str, bool]:
        word = self._scan(_WORD)
        text = word.removesuffix("*")
        if (star := text.find("*")) >= 0:
            self._at -= len(word) - star
            raise self._error("* can only be at the end of a value; in quotes it is a character")
        return text, text != word

    def _comparison(self, name: str, operator: str, start: int) -> Node:
        at = self._at
        text = self._quoted() if self._peek('"') else self._scan(_WORD)
        if not text:
            self._at = at
            raise self._error(f"a number is missing after {operator}, as in {name}{operator}10")
        comparison: Operator = operator  # type: ignore[assignment]
        return Compare(name, comparison, text, position=start)

    def _range(self, name: str, start: int) -> Node:
        opened = self._at
        self._advance()
        low = self._bound()
        if self._scan(_BOUND) != "TO":
            raise QueryError(f"a range is written {name}:[1 TO 5], with * for an open end", opened)
        self._skip_space()
        high = self._bound()
        if not self._peek("]"):
            raise QueryError("this range is never closed by ]", opened)
        self._at += 1
        if not low and not high:
            return Present(name, position=start)
        return Between(name, low, high, position=start)

    def _bound(self) -> str:
        at = self._at
        text = self._quoted() if self._peek('"') else self._scan(_BOUND)
        if not text:
            self._at = at
            raise self._error("a bound of the range is missing; * is an open one")
        self._skip_space()
        return "" if text == "*" else text

    def _quoted(self) -> str:
        opened = self._at
        characters: list[str] = []
        at = opened + 1
        while at < len(self._text):
            character = self._text[at]
            if character == '"':
                self._at = at + 1
                return "".join(characters)
            if character == "\\" and at + 1 < len(self._text):
                at += 1
                character = self._text[at]
            characters.append(character)
            at += 1
        raise QueryError("this quote is never closed", opened)

    def _scan(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if not match:
            return ""
        self._at = match.end()
        return match[0]

    def _keyword(self, word: str, *, take: bool = True) -> bool:
        match = _WORD.match(self._text, self._at)
        if not match or match[0] != word:
            return False
        if take:
            self._at = match.end()
            self._skip_space()
        return True

    def _peek(self, character: str) -> bool:
        return self._text.startswith(character, self._at)

    def _space_after(self) -> bool:
        return self._at + 1 >= len(self._text) or self._text[self._at + 1].isspace()

    def _advance(self) -> None:
        self._at += 1
        self._skip_space()

    def _skip_space(self) -> None:
        if match := _SPACE.match(self._text, self._at):
            self._at = match.end()

    def _error(self, reason: str) -> QueryError:
        return QueryError(reason, self._at)


def write(node: Node) -> str:  # noqa: PLR0911 - one case each
    """Return a text that parses to the same tree."""
    match node:
        case Match(name, text, prefix):
            return f"{_name(name)}{':' if name else ''}{_quote(text)}{'*' if prefix else ''}"
        case Present(name):
            return f"{_name(name)}:*" if name else "*"
        case Compare(name, operator, text):
            return f"{_name(name)}{operator}{_quote(text)}"
        case Between(name, low, high):
            return (
                f"{_name(name)}:[{_quote(low) if low else '*'} TO {_quote(high) if high else '*'}]"
            )
        case Not(term):
            return f"NOT {_inner(term)}"
        case And(terms):
            return " AND ".join(_inner(term) for term in terms)
        case Or(terms):
            return " OR ".join(_inner(term) for term in terms)


def _inner(node: Node) -> str:
    return f"({write(node)})" if isinstance(node, And | Or) else write(node)


def _name(name: str) -> str:
    return name if _FIELD.fullmatch(f"{name}:") or not name else _quote(name)


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
