"""The query language as SQL conditions: our own words and bound parameters, never a value."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sightline_query_api.problems import bad_request
from sightline_query_api.query_language import (
    And,
    Between,
    Compare,
    Match,
    Node,
    Not,
    Or,
    Present,
    QueryError,
    parse,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

SEVERITIES: Final = ("trace", "debug", "info", "warn", "error", "fatal")
_ALIASES: Final = {"warning": "warn", "err": "error", "critical": "fatal", "information": "info"}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(ns|us|µs|ms|s|m|h)?")
_UNITS: Final = {
    "ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9,
}  # fmt: skip
_TOKEN: Final = re.compile(r"[0-9A-Za-z\u0080-\U0010ffff]+")


@dataclass(frozen=True, slots=True)
class Schema:
    """What the fields of one signal are called in the store.

    Attributes:
        texts: fields with one text each, by the name they have in queries.
        arrays: fields with many texts.
        numbers: fields that compare as numbers.
        choices: fields with few values: the column, and the value of each word.
        maps: attributes by the first part of their path; the empty one is the record's own.
        foreign: fields of the other signal, and what they are.
        own_text: the condition on the record's own text, for words without a field.
    """

    texts: Mapping[str, str]
    arrays: Mapping[str, str]
    numbers: Mapping[str, str]
    choices: Mapping[str, tuple[str, Mapping[str, str]]]
    maps: Mapping[str, str]
    foreign: Mapping[str, str]
    own_text: str


# A correlation id is looked up in the attributes, whose values have an index; the column has none.
SPANS: Final = Schema(
    texts={
        "service": "ServiceName", "name": "SpanName", "operation": "SpanName",
        "trace_id": "TraceId", "span_id": "SpanId", "parent_span_id": "ParentSpanId",
        "correlation_id": "SpanAttributes['correlation.id']",
        "status_message": "StatusMessage", "trace_state": "TraceState",
        "scope.name": "ScopeName", "scope.version": "ScopeVersion",
    },
    arrays={"event": "`Events.Name`", "link": "`Links.TraceId`", "warning": "Warnings"},
    numbers={"duration": "Duration"},
    choices={
        "kind": ("SpanKind", {k.lower(): k for k in (
            "Unspecified", "Internal", "Server", "Client", "Producer", "Consumer")}),
        "status": ("StatusCode", {k.lower(): k for k in ("Unset", "Ok", "Error")}),
    },
    maps={"": "SpanAttributes", "attributes": "SpanAttributes", "resource": "ResourceAttributes",
          "scope": "ScopeAttributes"},
    foreign={"severity": "log records", "body": "log records", "severity_number": "log records"},
    own_text="SpanName",
)  # fmt: skip

LOGS: Final = Schema(
    texts={
        "service": "ServiceName", "trace_id": "TraceId", "span_id": "SpanId",
        "correlation_id": "LogAttributes['correlation.id']", "event": "EventName",
        "name": "EventName", "severity_text": "SeverityText",
        "scope.name": "ScopeName", "scope.version": "ScopeVersion",
    },
    arrays={"warning": "Warnings"},
    numbers={"severity_number": "SeverityNumber"},
    choices={"severity": ("Severity", {word: word for word in SEVERITIES} | _ALIASES | {"": ""})},
    maps={"": "LogAttributes", "attributes": "LogAttributes", "resource": "ResourceAttributes",
          "scope": "ScopeAttributes"},
    foreign={"duration": "spans", "kind": "spans", "status": "spans", "operation": "spans"},
    own_text="Body",
)  # fmt: skip


class Condition:
    """Conditions joined by AND, with the values bound in them."""

    def __init__(self) -> None:
        """Hold for every row, to begin with."""
        self._conditions: list[str] = []
        self.parameters: dict[str, Any] = {}

    @property
    def sql(self) -> str:
        """The text for a WHERE clause."""
        return " AND ".join(self._conditions) or "1"

    def __bool__(self) -> bool:
        """Whether it restricts anything."""
        return bool(self._conditions)

    def add(self, sql: str, **parameters: object) -> None:
        """Require `sql`, in which every value is a `{name:Type}` of `parameters`."""
        self._conditions.append(f"({sql})")
        self.parameters |= parameters

    def search(self, query: str | None, schema: Schema) -> None:
        """Require what a query in the query language asks for.

        Raises:
            Problem: the query cannot be read; with its position.
        """
        try:
            node = parse(query or "")
            if node is not None:
                self.add(_Compiler(schema, self.parameters).compile(node))
        except QueryError as error:
            raise bad_request(str(error), position=error.position) from None

    def has_text(self, field: str, schema: Schema) -> str:
        """Require a field to be there and not empty; return the expression for its text.

        Raises:
            Problem: it is no text and no attribute.
        """
        fixed = field in schema.choices or field in schema.numbers or field in schema.arrays
        if fixed or field in ("", "body"):
            raise bad_request(f"{field or 'a word without field'} has no texts to choose from")
        try:
            column = _Compiler(schema, self.parameters).text(field)
        except QueryError as error:
            raise bad_request(error.reason) from None
        self.add(f"notEmpty({column})")
        return column


class _Compiler:
    def __init__(self, schema: Schema, parameters: dict[str, Any]) -> None:
        self._schema = schema
        self._parameters = parameters

    def compile(self, node: Node) -> str:  # noqa: PLR0911 - one case each
        match node:
            case And(terms):
                return " AND ".join(f"({self.compile(term)})" for term in terms)
            case Or(terms):
                return " OR ".join(f"({self.compile(term)})" for term in terms)
            case Not(term):
                return f"NOT ({self.compile(term)})"
            case Match():
                return self._match(node)
            case Present():
                return self._present(node)
            case Compare(_, operator, text):
                return self._within(node, [(operator, text)])
            case Between(_, low, high):
                bounds = [(">=", low), ("<=", high)]
                return self._within(node, [bound for bound in bounds if bound[1]])

    def text(self, field: str) -> str:
        return self._column(Present(field))[0]

    def _match(self, node: Match) -> str:
        schema = self._schema
        if node.field in ("", "body") and node.field not in schema.foreign:
            return self._own_text(node.text, prefix=node.prefix)
        if node.field in schema.choices:
            return self._choice(node)
        if column := schema.numbers.get(node.field):
            return f"{column} = {self._number(node, node.text)}"
        if column := schema.arrays.get(node.field):
            value = self._bind(node.text)
            found = f"startsWith(x, {value})" if node.prefix else f"x = {value}"
            return f"arrayExists(x -> {found}, {column})"
        column, present = self._column(node)
        value = self._bind(self._lower_id(node))
        if node.prefix:
            return f"startsWith({column}, {value})"
        return (
            f"{column} = {value} AND {present}"
            if not node.text and present
            else f"{column} = {value}"
        )

    def _present(self, node: Present) -> str:
        schema = self._schema
        if not node.field:
            return "1"
        if node.field == "body" and node.field not in schema.foreign:
            return "notEmpty(Body)"
        if node.field in schema.choices:
            return f"notEmpty({schema.choices[node.field][0]})"
        if column := schema.numbers.get(node.field):
            return f"{column} != 0"
        if column := schema.arrays.get(node.field):
            return f"notEmpty({column})"
        column, present = self._column(node)
        return present or f"notEmpty({column})"

    def _within(self, node: Compare | Between, bounds: list[tuple[str, str]]) -> str:
        schema = self._schema
        if node.field == "severity" and "severity" in schema.choices:
            ranks = self._bind(list(SEVERITIES), "Array(String)")
            rank = f"indexOf({ranks}, Severity)"
            return self._bounded(rank, [(op, self._severity(node, text)) for op, text in bounds])
        if column := schema.numbers.get(node.field):
            return self._bounded(column, [(op, self._number(node, text)) for op, text in bounds])
        if (
            node.field in schema.texts
            or node.field in schema.choices
            or node.field in schema.arrays
        ):
            raise QueryError(f"{node.field} is a text and has no order", node.position)
        column, _ = self._column(node)
        number = f"ifNull(toFloat64OrNull({column}), nan)"
        return self._bounded(number, [(op, self._number(node, text)) for op, text in bounds])

    @staticmethod
    def _bounded(column: str, bounds: list[tuple[str, str]]) -> str:
        return " AND ".join(f"{column} {operator} {value}" for operator, value in bounds)

    def _choice(self, node: Match) -> str:
        column, values = self._schema.choices[node.field]
        value = values.get(node.text.lower())
        if value is None or node.prefix:
            known = ", ".join(word for word in values if word and word not in _ALIASES)
            raise QueryError(f"{node.field} is one of {known}", node.position)
        return f"{column} = {self._bind(value)}"

    def _severity(self, node: Compare | Between, text: str) -> str:
        word = text.lower()
        word = _ALIASES.get(word, word)
        if word not in SEVERITIES:
            raise QueryError(f"severity is one of {', '.join(SEVERITIES)}", node.position)
        return self._bind(SEVERITIES.index(word) + 1, "UInt8")

    def _own_text(self, text: str, *, prefix: bool) -> str:
        if self._schema.own_text != "Body":
            return f"positionCaseInsensitive({self._schema.own_text}, {self._bind(text)}) > 0"
        wanted = _ascii_lower(text)
        tokens = _TOKEN.findall(wanted)
        cut = tokens[-1] if prefix and tokens and wanted.endswith(tokens[-1]) else ""
        whole = tokens[:-1] if cut else tokens
        conditions = []
        if whole:  # the text index answers this…
            conditions.append(f"hasAllTokens(lower(Body), {self._bind(whole, 'Array(String)')})")
        if cut:  # …and this; a token has nothing that LIKE would take for a wildcard
            conditions.append(f"lower(Body) LIKE {self._bind(f'%{cut}%')}")
            pattern = re.escape(wanted).replace("\x00", r"\x00")
            edge = r"(^|[^0-9a-z])" if _TOKEN.match(wanted) else ""
            conditions.append(f"match(lower(Body), {self._bind(f'(?s){edge}{pattern}')})")
        elif tokens != [wanted]:
            conditions.append(f"position(lower(Body), {self._bind(wanted)}) > 0")
        return " AND ".join(conditions)

    def _column(self, node: Match | Present | Compare | Between) -> tuple[str, str]:
        """Return the expression for a field, and for an attribute the one for "is there"."""
        name, schema = node.field, self._schema
        if name in schema.foreign:
            raise QueryError(
                f"{name} is a field of {schema.foreign[name]}; "
                f"for an attribute of that name write attributes.{name}",
                node.position,
            )
        if column := schema.texts.get(name):
            return column, ""
        first, dot, rest = name.partition(".")
        attributes = schema.maps.get(first) if dot and rest else None
        key = self._bind(rest if attributes else name)
        attributes = attributes or schema.maps[""]
        return f"{attributes}[{key}]", f"mapContains({attributes}, {key})"

    @staticmethod
    def _lower_id(node: Match) -> str:
        return (
            node.text.lower()
            if node.field in ("trace_id", "span_id", "parent_span_id")
            else node.text
        )

    def _number(self, node: Match | Compare | Between, text: str) -> str:
        if node.field == "duration":
            return self._bind(_nanoseconds(node, text), "Float64")
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise QueryError(
                f"{node.field} is compared with a number, not {text[:40]!r}", node.position
            )
        return self._bind(number, "Float64")

    def _bind(self, value: object, kind: str = "String") -> str:
        name = f"q{len(self._parameters)}"
        self._parameters[name] = value
        return f"{{{name}:{kind}}}"


def _nanoseconds(node: Match | Compare | Between, text: str) -> float:
    match = _DURATION.fullmatch(text)
    if not match:
        raise QueryError(
            f"duration is a number with a unit (ns, us, ms, s, m, h), not {text[:40]!r}",
            node.position,
        )
    return float(match[1]) * _UNITS[match[2] or "ns"]


def _ascii_lower(text: str) -> str:
    """Return the text as SQL's `lower` has it, which leaves other letters alone."""
    return "".join(c.lower() if c.isascii() else c for c in text)


def at_least(severity: str) -> list[str]:
    """Return the severities from `severity` up."""
    return list(SEVERITIES[SEVERITIES.index(severity) :])
