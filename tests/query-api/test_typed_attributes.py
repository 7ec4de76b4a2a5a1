from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest

from sightline_query_api.typed_attributes import typed, typed_value

if TYPE_CHECKING:
    from conftest import Get, Telemetry

DEEP: dict[str, Any] = {"a": [{"b": [{"c": {"d": [1, "x", None, True, 2.5]}}]}]}


async def test_every_type_survives_the_store(get: Get, telemetry: Telemetry) -> None:
    sent: dict[str, Any] = {
        "s": "text", "empty": "", "i": -5, "zero": 0, "edge": 2**53, "b": True, "f": False,
        "d": 1.0, "small": 5e-324, "list": [1, 2.5, "x", True, None, []], "map": {"k": {"l": 1}},
        "deep": DEEP, "none": None, "digits": "17", "fake": {"@otlp.array": "not base64"},
    }  # fmt: skip
    odd: dict[str, tuple[Any, Any]] = {
        "big": (2**53 + 1, str(2**53 + 1)),
        "bigs": ([2**62], [str(2**62)]),
        "x": (b"\x00\xff", "AP8="),
        "nan": (math.nan, "NaN"),
        "inf": (-math.inf, "-Infinity"),
    }
    telemetry.span("t", "x", attributes=sent | {key: value for key, (value, _) in odd.items()})
    telemetry.send()
    trace = await get(f"/traces/{telemetry.trace_id(1)}")
    expected = sent | {key: shown for key, (_, shown) in odd.items()}
    assert trace["spans"][0]["attributes"] == expected
    assert isinstance(trace["spans"][0]["attributes"]["d"], float)


async def test_a_deep_body_is_json_all_the_way_down(get: Get, telemetry: Telemetry) -> None:
    telemetry.log("t", DEEP)
    telemetry.send()
    (item,) = (await get("/logs", **telemetry.range))["items"]
    assert json.loads(item["body"]) == DEEP


def test_of_a_repeated_key_the_first_counts() -> None:
    assert typed(["a", "a"], ["1", "2"], "ii") == {"a": 1}


@pytest.mark.parametrize(
    ("text", "letter"), [("x", "i"), ("x", "d"), ("{", "k"), ("9" * 5000, "i"), ("x", "?")]
)
def test_a_text_that_is_not_what_its_letter_says_is_shown_as_it_is(text: str, letter: str) -> None:
    assert typed_value(text, letter) == text


def test_without_matching_letters_values_are_texts() -> None:
    assert typed(["a", "b"], ["1", "2"], "i") == {"a": "1", "b": "2"}
