"""What the options of `sightline dlq` mean, in the words of the API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sightline_core.dead_letters.fix import Fix
from sightline_core.errors import ConfigError
from sightline_query_api.dead_letters.options import fix, selection

if TYPE_CHECKING:
    from pathlib import Path

NO_FLAGS = {"repair_text": False, "salvage": False, "clamp_time": False}
NOTHING = {"set": None, "replace": None, "drop": None}


def test_steps_are_in_the_order_in_which_they_work(tmp_path: Path) -> None:
    file = tmp_path / "edited.json"
    file.write_text('{"price": 3}')
    given = {"set": ["a.b=1", "note=as is"], "replace": ["price=null"], "drop": ["secret"]}
    made = fix(dict.fromkeys(NO_FLAGS, True), given, "resource", file)
    assert made["edited"] == {"price": 3}
    assert made["steps"] == [
        {"op": "repair_text"},
        {"op": "salvage"},
        {"op": "set", "scope": "resource", "attribute": "a.b", "value": 1},
        {"op": "set", "scope": "resource", "attribute": "note", "value": "as is"},
        {"op": "replace", "scope": "resource", "attribute": "price", "value": None},
        {"op": "drop", "scope": "resource", "attribute": "secret"},
        {"op": "clamp_time"},
    ]


def test_values_are_scalars_or_the_text_as_it_is() -> None:
    made = fix(NO_FLAGS, NOTHING | {"set": ["a=[1]", "b=x=y", "c=", "d=2.5"]}, "record", None)
    Fix.model_validate(made)
    assert [step["value"] for step in made["steps"]] == ["[1]", "x=y", "", 2.5]


@pytest.mark.parametrize("pair", ["price", "=3", ""])
def test_a_pair_without_a_name_or_a_sign_is_refused(pair: str) -> None:
    with pytest.raises(ConfigError, match="must be name=value"):
        fix(NO_FLAGS, NOTHING | {"replace": [pair]}, "record", None)


@pytest.mark.parametrize("content", [b"{", b"\xff", None])
def test_a_file_that_is_no_json_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "edited.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"cannot use .*edited\.json"):
        fix(NO_FLAGS, NOTHING, "record", file)


def test_only_what_is_given_selects() -> None:
    assert selection(None, "", "", "", "", "", None) == {}
    made = selection(["i"], "g", "t", "s", "2026-01-01T00:00:00Z", "", ["parked"])
    assert json.loads(json.dumps(made)) == {
        "ids": ["i"], "fingerprint": "g", "topic": "t", "service": "s",
        "start": 1_767_225_600_000_000_000, "states": ["parked"],
    }  # fmt: skip
    with pytest.raises(ConfigError, match="cannot use the time 'soon'"):
        selection(None, "", "", "", "soon", "", None)
