"""Puts a marker in the place of every secret."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from operator import is_ as _is
from threading import get_ident
from typing import TYPE_CHECKING, Any, Final, cast

from sightline_redaction.names import SAFE
from sightline_redaction.pack import load

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sightline_redaction.pack import Pack, ValueRule

MAX_DEPTH: Final = 8
"""Levels of lists and mappings that are looked into; what is deeper is looked at as text."""
SQL_FIELDS: Final = frozenset({"db.query.text", "db.statement"})
SQL_RULE: Final = "sql_literal"

_Fields = Mapping[Any, Any]
_MOST_KNOWN: Final = 4096
_LONGEST_KNOWN: Final = 128
_SMALLEST_CARD: Final = 10**12
_SHORTEST_NUMBER: Final = 11
_DIGITS: Final = re.compile(r"[0-9]{3}[ -]?[0-9]{2}")
_LITERAL: Final = re.compile(r"'(?:[^']|'')*(?:'|\Z)")
# One word may stand before, as in `api key: …`. What follows the sign may be a name, too.
_NAMED: Final = re.compile(
    r"(?<![\w.-])(?P<key>(?:[A-Za-z]{1,32}[ ])?[\w.-]{1,200})"
    r"""(?:\\{0,8}["'])?[ \t]{0,4}(?:=>|[=:])[ \t]{0,4}"""
)
_QUOTED: Final = re.compile(
    r"""(?P<quote>\\{0,8}["'])(?P<secret>(?:(?!(?P=quote))(?:\\.|.))*)""", re.DOTALL
)
_LINE: Final = re.compile(r"""(?P<secret>[^\r\n"']+)""")
_MARKER: Final = re.compile(r"\[redacted:[a-z0-9_]+\]")
_END: Final = r"""(?=[,)\]}]{0,8}(?:[\s&;"'<>]|\Z))"""
_MARKER_ALONE: Final = re.compile(_MARKER.pattern + _END)
_PIECE: Final = rf"""(?:{_MARKER.pattern}|[^\s&;"'<>])"""
_LISTED: Final = re.compile(rf"(?P<secret>[\[({{][^\])}}]*[\])}}]?{_PIECE}*?){_END}")
_BARE: Final = re.compile(
    rf"(?P<secret>(?:(?i:bearer|basic|digest|token|negotiate)[ ]+)?{_PIECE}+?){_END}"
)
_WHOLE_LINES: Final = frozenset({"authorization", "cookie"})


class Redactor:
    """Redacts text and values; remembers how often each rule found something.

    What was found clean is remembered: values that come again and again cost next to nothing.
    Text that is redacted already stays as it is. Takes time linear in the length of a text.
    """

    def __init__(self, pack: Pack | None = None) -> None:
        """Use this pack, by default the one that comes along."""
        pack = pack or load()
        self.names = pack.names
        # By thread, because then no thread loses another's count, and no lock is there to be left
        # locked in a child that is forked.
        self._counts: Counter[tuple[str, int]] = Counter()
        self._always = [rule for rule in pack.values if rule.always]
        self._needing = [(rule.needs, rule) for rule in pack.values if rule.needs]
        self._of_digits = [rule for rule in pack.values if not (rule.always or rule.needs)]
        self._clean: set[str] = set()
        self._plain: set[str] = set()

    @property
    def counts(self) -> dict[str, int]:
        """How often something was redacted, by rule."""
        total: Counter[str] = Counter()
        for (rule, _), count in list(self._counts.items()):
            total[rule] += count
        return dict(total)

    def text(self, text: str) -> str:
        """Return a text with markers in place of secrets; the same object if there are none."""
        if text in self._clean:
            return text
        redacted = self._by_looks(text)
        if "=" in text or ":" in text:
            redacted = self._named(redacted)
        if redacted != text:
            return redacted
        if len(text) <= _LONGEST_KNOWN:
            if len(self._clean) >= _MOST_KNOWN:
                self._clean = set()
            self._clean.add(text)
        return text

    def _by_looks(self, text: str) -> str:
        redacted = text
        for rule in self._always:
            redacted = self._apply(rule, redacted)
        for needs, rule in self._needing:
            for need in needs:  # no generator: this is run for every text
                if need in text:
                    redacted = self._apply(rule, redacted)
                    break
        if len(text) >= _SHORTEST_NUMBER and _DIGITS.search(text) is not None:
            for rule in self._of_digits:
                redacted = self._apply(rule, redacted)
        return redacted

    def field(self, name: str, value: Any) -> Any:
        """Return the value that a field of this name may show.

        A secret's name hides all of the value, a safe name nothing. What no rule finds fault with
        comes back as it is, the same object; what is no text, number, list or mapping as text.
        """
        return self._field(name, value, MAX_DEPTH)

    def mapping(self, fields: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the fields as they may be shown; None if they may be as they are."""
        clean, plain = self._clean, self._plain
        changed: dict[str, Any] = {}
        renamed = False
        for name, value in fields.items():
            if name in plain and (value in clean if type(value) is str else _harmless(value)):
                continue  # by far the most: what was there before, or says nothing
            shown = self._field(name, value, MAX_DEPTH)
            if shown is not value:
                changed[name] = shown
            renamed = self.text(name) is not name or renamed
        if renamed:
            return {self.text(name): value for name, value in {**fields, **changed}.items()}
        return {**fields, **changed} if changed else None

    def _field(self, name: str, value: Any, depth: int) -> Any:
        rule = self.names.rule(name)
        if rule is None:
            if isinstance(value, str) and name in SQL_FIELDS:
                return self._sql(value)
            if name in self._clean and len(self._plain) < _MOST_KNOWN and name not in SQL_FIELDS:
                self._plain.add(name)
            return self._value(value, depth)
        if rule == SAFE or value is None or isinstance(value, bool) or value in ("", b""):
            return value
        return value if _is_marker(value) else self._mark(rule)

    def _value(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, (bool, float)):
            return value
        if isinstance(value, int):
            number = str(value) if value >= _SMALLEST_CARD else ""
            shown = self.text(number)
            return value if shown == number else shown
        if depth and isinstance(value, Mapping):
            return self._mapping(cast("_Fields", value), depth - 1)  # type: ignore[redundant-cast]  # not to pyright
        if depth and isinstance(value, (list, tuple, set, frozenset)):
            return self._items(cast("Iterable[Any]", value), depth - 1)
        return self._other(value)

    def _items(self, items: Iterable[Any], depth: int) -> Any:
        before = list(items)
        shown = [self._value(item, depth) for item in before]
        return items if all(map(_is, before, shown)) else shown

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> Any:
        shown: dict[Any, Any] = {}
        for key, item in value.items():
            name = self.text(key) if isinstance(key, str) else key
            shown[name] = self._field(str(key), item, depth)
        same = all(map(_is, shown, value)) and all(map(_is, shown.values(), value.values()))
        return value if same and len(shown) == len(value) else shown

    def _other(self, value: Any) -> Any:
        try:
            said = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        except Exception:  # noqa: BLE001 - __str__ of the application may raise anything
            return value  # whoever shows it will not get a text out of it either
        shown = self.text(said)
        return value if shown == said and isinstance(value, bytes) else shown

    def _sql(self, statement: str) -> str:
        """Hide all literals of a statement that names a secret: which is which needs a parser."""
        if self._names_something(statement) and any(
            self.names.rule(word) for word in re.findall(r"\w+", statement)
        ):
            statement = _LITERAL.sub(
                lambda found: found[0] if _MARKER.search(found[0]) else f"'{self._mark(SQL_RULE)}'",
                statement,
            )
        return self.text(statement)

    def _apply(self, rule: ValueRule, text: str) -> str:
        group = "secret" if "secret" in rule.pattern.groupindex else 0

        def replace(found: re.Match[str]) -> str:
            start, end = found.start(group) - found.start(), found.end(group) - found.start()
            whole = found[0]
            secret = whole[start:end]
            length = rule.check(secret) if rule.check is not None else len(secret)
            if not length or _MARKER.fullmatch(secret):
                return whole
            return whole[:start] + self._mark(rule.name) + whole[start + length :]

        return rule.pattern.sub(replace, text)

    def _named(self, text: str) -> str:
        if not self._names_something(text):
            return text
        done = 0
        parts: list[str] = []
        for found in _NAMED.finditer(text):
            rule = self.names.rule(found["key"])
            if not rule or found.start() < done:
                continue
            secret = _secret_at(text, found.end(), rule, colon=found[0].rstrip().endswith(":"))
            if secret is not None:
                parts += [text[done : secret[0]], self._mark(rule)]
                done = secret[1]
        return "".join([*parts, text[done:]]) if parts else text

    def _names_something(self, text: str) -> bool:
        lowered = text.lower()
        for word in self.names.words:  # noqa: SIM110 - a generator costs more than the search
            if word in lowered:
                return True
        return False

    def _mark(self, rule: str) -> str:
        self._counts[rule, get_ident()] += 1
        return f"[redacted:{rule}]"


def _secret_at(text: str, start: int, rule: str, *, colon: bool) -> tuple[int, int] | None:
    """Return where the value of a name begins and ends; None if there is nothing to hide."""
    whole_line = colon and rule in _WHOLE_LINES
    rest = _LINE if whole_line else _BARE
    if _MARKER_ALONE.match(text, start):
        return None
    patterns = (_BARE,) if _MARKER.match(text, start) else (_QUOTED, _LISTED, rest)
    for pattern in patterns:
        found = pattern.match(text, start)
        if found is not None:
            hidden = found["secret"]
            return found.span("secret") if hidden and not _MARKER.fullmatch(hidden) else None
    return None


def _harmless(value: object) -> bool:
    if isinstance(value, int):
        return value < _SMALLEST_CARD
    return isinstance(value, float)


def _is_marker(value: Any) -> bool:
    return isinstance(value, str) and _MARKER.fullmatch(value) is not None
