"""Masking secrets in what people are shown of a dead letter; its bytes stay as they are."""

from __future__ import annotations

import re
from typing import Any, Final

MASK: Final = "•••"
MAX_TEXT: Final = 64 << 10
"""Characters of one text that are looked at; what follows is cut, not shown unmasked."""

_NAMES: Final = (
    r"pass(?:word|wd|phrase|code)?|secret|token(?!s|_count|\.count)|api[-_. ]?key"
    r"|auth(?:orization)?|cookie|credential|private[-_. ]?key|access[-_. ]?key"
    r"|session[-_. ]?id|cvv|cvc|ssn|iban|pin"
)
_HUMP: Final = r"(?<=(?-i:[a-z]))(?=(?-i:[A-Z]))"
_SECRET_NAME: Final = re.compile(rf"(?:^|[^a-z])(?:{_NAMES})(?:s?$|[^a-z])", re.IGNORECASE)
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_RULES: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (
        re.compile(r"-----BEGIN [A-Z ]{1,40}-----.*?(?:-----END [A-Z ]{1,40}-----|\Z)", re.DOTALL),
        MASK,
    ),
    (re.compile(r"\beyJ[\w-]{5,}\.[\w-]{2,}(?:\.[\w-]*)?"), MASK),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), MASK),
    (re.compile(r"\b(?:gh[pousr]|github_pat|glpat|xox[abprs]|sk|pk|rk)[-_][\w-]{16,}"), MASK),
    (re.compile(r"\b(bearer|basic|digest)(\s{1,4})[\w+/=.~-]{6,}", re.IGNORECASE), rf"\1\2{MASK}"),
    (re.compile(r"(://[^\s/@:]{0,200}:)[^\s/@]{1,200}@"), rf"\1{MASK}@"),
    (
        re.compile(
            rf"""(?:(?<![a-z])|{_HUMP})((?:{_NAMES})["']?\s{{0,4}}[=:]\s{{0,4}})("[^"]*"?|'[^']*'?|[^\s&;,"'}}]+)""",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
    (re.compile(r"\b[\w.+-]{1,64}@([\w-]{1,63}(?:\.[\w-]{1,63}){1,8})\b"), rf"{MASK}@\1"),
)
# 13 to 16 digits, as the great card companies have; times of unix nanoseconds have 19.
_CARD: Final = re.compile(r"(?<![\w.])[2-6]\d{3}(?:[ -]?\d){9,12}(?![\w.])")


def redact_text(text: str) -> str:
    """Return `text` with everything that looks like a secret masked, cut to `MAX_TEXT`."""
    text = text[:MAX_TEXT]
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return _CARD.sub(lambda found: MASK if _is_card(found[0]) else found[0], text)


def redact(value: Any) -> Any:
    """Return a copy of a JSON value with secrets masked, by their names and by their looks.

    An OTLP attribute, `{"key": …, "value": …}`, counts as a member named by its key.
    """
    match value:
        case str():
            return redact_text(value)
        case list():
            return [redact(item) for item in value]
        case {"key": str(key), "value": _} if is_secret(key):
            return {**value, "value": {"stringValue": MASK}}
        case dict():
            return {name: MASK if is_secret(name) else redact(item) for name, item in value.items()}
    return value


def is_secret(name: str) -> bool:
    """Whether a value of that name is better not shown."""
    return _SECRET_NAME.search(_CAMEL.sub("_", name[:200])) is not None


def _is_card(text: str) -> bool:
    """Whether the digits pass Luhn's check, as card numbers do and most other numbers do not."""
    digits = [int(sign) for sign in text if sign.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
