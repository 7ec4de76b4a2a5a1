"""Whether a name is that of a secret."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SAFE: Final = ""
"""What `Names.rule` answers for a field that is never touched."""
MOST_KEPT: Final = 4096
"""Answers that are remembered; then it begins anew."""
_LONGEST: Final = 200
_BORDER: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")


class Names:
    """Knows names of secrets in every spelling, and fields that are never touched."""

    def __init__(
        self,
        secrets: Mapping[str, Iterable[str]],
        safe: Iterable[str],
        anywhere: Iterable[str] = (),
        harmless_endings: Iterable[str] = (),
    ) -> None:
        """Take the names of secrets by rule.

        Args:
            secrets: for every rule its names, as words: "api key".
            safe: fields, spelled as they are.
            anywhere: names that count inside of other words, too.
            harmless_endings: last words that tell that a name is none of a secret.
        """
        self._safe = frozenset(safe)
        self._phrases = tuple(
            (f" {' '.join(_words(name))} ", rule)
            for rule, names in secrets.items()
            for name in names
        )
        whole = {phrase.strip(): rule for phrase, rule in self._phrases}
        self._anywhere = tuple((name, whole[name]) for name in anywhere)
        self._harmless = frozenset(harmless_endings)
        self._known: dict[str, str | None] = {}
        starts = {phrase.split()[0] for phrase, _ in self._phrases}
        self.words: tuple[str, ...] = tuple(
            sorted(word for word in starts if not any(o != word and o in word for o in starts))
        )
        """Words, in lower case, without any of which a text holds no name."""

    def rule(self, name: str) -> str | None:
        """Return the rule that a field of this name falls under; None for none, SAFE for never."""
        try:
            return self._known[name]
        except KeyError:
            pass
        found = SAFE if name in self._safe else self._find(name[-_LONGEST:])
        if len(self._known) >= MOST_KEPT:
            self._known.clear()
        self._known[name] = found
        return found

    def _find(self, name: str) -> str | None:
        words = _words(name)
        if not words or words[-1] in self._harmless:
            return None
        spelled = f" {' '.join(words)} "
        singular = f" {' '.join(_singular(word) for word in words)} "
        for phrase, rule in self._phrases:
            if phrase in spelled or phrase in singular:
                return rule
        together = "".join(words)
        return next((rule for part, rule in self._anywhere if part in together), None)


def _words(name: str) -> list[str]:
    return [word.lower() for word in _BORDER.split(name) if word]


def _singular(word: str) -> str:
    # Tokens are what language models count; a list of secret ones has a longer name.
    return word[:-1] if word.endswith("s") and word != "tokens" else word
