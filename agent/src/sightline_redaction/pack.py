"""The rules as they are in rules.toml, and those that somebody adds."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from sightline_redaction import checks
from sightline_redaction.names import Names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_RULE_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True)
class ValueRule:
    """What a secret looks like.

    Attributes:
        name: what the marker says.
        pattern: finds it; the group `secret`, if there is one, is what is replaced.
        needs: one of these is in every text that can match; empty: five digits are.
        check: says how many characters of a match are the secret, 0 for none; None: all are.
        always: look whatever the text holds.
    """

    name: str
    pattern: re.Pattern[str]
    needs: tuple[str, ...] = ()
    check: Callable[[str], int] | None = None
    always: bool = False


@dataclass(frozen=True, slots=True)
class Pack:
    """All rules: by name of the field, then by looks of the value, in this order."""

    names: Names
    values: tuple[ValueRule, ...]


def load(
    patterns: Mapping[str, str] | None = None,
    names: Iterable[str] = (),
    safe: Iterable[str] = (),
) -> Pack:
    """Read the pack and add to it.

    Args:
        patterns: more looks, as regular expressions by rule name.
        names: more names of secrets; their rule is `custom`.
        safe: more fields that are never touched, spelled as they are.

    Raises:
        ValueError: a pattern is no regular expression, or a rule has no proper name.
    """
    said: dict[str, Any] = tomllib.loads(
        files("sightline_redaction").joinpath("rules.toml").read_text(encoding="utf-8")
    )
    matching = said["matching"]
    secrets = {**said["names"], "custom": list(names)}
    known = Names(
        secrets,
        [*matching["safe"], *safe],
        matching["anywhere"],
        matching["harmless_endings"],
    )
    added = tuple(_added(name, pattern) for name, pattern in (patterns or {}).items())
    return Pack(known, added + tuple(_packed(value, said["checks"]) for value in said["values"]))


def _packed(said: Mapping[str, Any], tables: Mapping[str, str]) -> ValueRule:
    by_name: dict[str, Callable[[str], int]] = {
        "luhn": checks.luhn,
        "iban": partial(
            checks.iban, lengths={entry[:2]: int(entry[2:]) for entry in tables["iban"].split()}
        ),
    }
    return ValueRule(
        said["rule"],
        re.compile(said["pattern"], re.DOTALL),
        tuple(said.get("needs", ())),
        by_name[said["check"]] if "check" in said else None,
    )


def _added(name: str, pattern: str) -> ValueRule:
    if _RULE_NAME.fullmatch(name) is None:
        raise ValueError(
            f"cannot use redaction rule {name!r}: its name is not of a-z, 0-9 and _; rename it"
        )
    try:
        return ValueRule(name, re.compile(pattern), always=True)
    except re.error as error:
        raise ValueError(
            f"cannot use redaction rule {name!r}: {error}; correct its regular expression"
        ) from error
