"""The query language on a real store: what is found, also for hostile keys and values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Get, Telemetry

HOSTILE = [
    "it's", 'say "hi"', "back\\slash", "${x}", "{q0:String}", "$filters", "new\nline", "tab\t",
    "nul\x00byte", "%s %(a)s", "'; DROP TABLE otel_traces; --", "`tick`", "ünï 漢字 🙂", "/* x */",
    "a" * 10_240, "?", "*", "(x)", "[1 TO 2]", "AND", "-x", "a:b", "\\", "\\N", "NULL", "\u2028",
]  # fmt: skip


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@pytest.mark.parametrize("signal", ["traces", "logs"])
async def test_hostile_keys_and_values_are_just_keys_and_values(
    get: Get, telemetry: Telemetry, signal: str
) -> None:
    for number, text in enumerate(HOSTILE):
        if signal == "traces":
            telemetry.span("web", text, trace=number + 1, attributes={text: text})
        else:
            telemetry.log("web", text, trace=number + 1, attributes={text: text})
    telemetry.send()
    for number, text in enumerate(HOSTILE):
        own = quoted(text)
        queries = [f"attributes.x:* OR {own}:{own}", f"{own}:{own}*"]
        if signal == "traces":
            queries.append(f"name:{own}")
        for query in queries:
            found = await get(f"/{signal}", **telemetry.range, q=query)
            ids = [item["trace_id"] for item in found["items"]]
            assert telemetry.trace_id(number + 1) in ids, query[:80]
            if not query.endswith("*"):
                assert len(ids) == 1, query[:80]


@pytest.mark.parametrize("text", [text for text in HOSTILE if any(map(str.isalnum, text))])
async def test_hostile_words_are_found_in_bodies(get: Get, telemetry: Telemetry, text: str) -> None:
    telemetry.log("web", f"before {text} after")
    telemetry.log("web", "something else")
    telemetry.send()
    found = await get("/logs", **telemetry.range, q=quoted(text))
    assert len(found["items"]) == 1


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_texts_in_paths_and_parameters_are_answered(
    get: Get, telemetry: Telemetry, text: str, client: object
) -> None:
    for path in ("/traces", "/logs", "/logs/histogram"):
        assert not (await get(path, **telemetry.range, service=text)).get("next_cursor")
    response = await client.get(f"/api/v1/services/{text.encode().hex()}")  # type: ignore[attr-defined]
    assert response.status_code == 404


async def test_attributes_compare_as_numbers_and_negation_includes_what_is_not_there(
    get: Get, telemetry: Telemetry
) -> None:
    for number, attributes in enumerate(
        ({"code": 200}, {"code": 404}, {"code": 500.5}, {"code": "many"}, {}, {"code": ""})
    ):
        telemetry.span("web", f"s{number}", trace=number + 1, attributes=attributes)
    telemetry.send()

    async def found(query: str) -> str:
        items = (await get("/traces", **telemetry.range, q=query))["items"]
        return "".join(sorted(item["name"][1:] for item in items))

    assert await found("code>=404") == "12"
    assert await found("code<404") == "0"
    assert await found("code:[200 TO 404]") == "01"
    assert await found("code:[* TO 404]") == "01"
    assert await found("NOT code>=404") == "0345"
    assert await found("code:404") == "1"
    assert await found("-code:404") == "02345"
    assert await found("code:*") == "01235"
    assert await found("-code:*") == "4"
    assert await found('code:""') == "5"
    assert await found("code:4*") == "1"
    assert await found("kind:SERVER status:unset") == "012345"
    assert await found('parent_span_id:""') == "012345"
    assert await found("scope.name:x OR name:s4") == "4"
    assert await found("s3 OR s4") == "34"
