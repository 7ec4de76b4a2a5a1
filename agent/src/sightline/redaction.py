"""What is hidden before telemetry leaves the process: options, and the redactor in force."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sightline_redaction.redactor import Redactor


@dataclass(frozen=True, kw_only=True)
class Redaction:
    """What to hide, and what not, beyond the rules that come along."""

    patterns: Mapping[str, str] = field(default_factory=dict[str, str])
    """Secrets by their looks: regular expressions by rule name, which is what the marker says.

    A group named `secret` is what is replaced, without it all that matches.
    """
    names: Sequence[str] = ()
    """Secrets by the names of their fields, as words: "maiden name" is maidenName, too."""
    safe: Sequence[str] = ()
    """Fields that are never touched, spelled as they are."""


def redactor(options: Redaction | None) -> Redactor | None:
    """Return what redacts with these options; None for none.

    Raises:
        ValueError: a pattern is no regular expression, or its rule has no proper name.
    """
    if options is None:
        return None
    from sightline_redaction import pack, redactor  # noqa: PLC0415 - compiles the rules

    return redactor.Redactor(pack.load(options.patterns, options.names, options.safe))


@cache
def standard() -> Redactor | None:
    """Return what redacts where nobody configured anything."""
    return redactor(Redaction())
