from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sightline_core.errors import StoreError, StoreUnavailable

if TYPE_CHECKING:
    import httpx
    from conftest import Get
    from fastapi import FastAPI


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("/traces", {"limit": "0"}),
        ("/traces", {"limit": "1001"}),
        ("/traces", {"limit": "x"}),
        ("/traces", {"status": "maybe"}),
        ("/traces", {"min_duration_ns": "-1"}),
        ("/traces", {"min_duration_ns": str(1 << 64)}),
        ("/traces", {"start": "yesterday"}),
        ("/traces", {"start": "2026-13-01T00:00:00Z"}),
        ("/traces", {"start": "1" * 30}),
        ("/traces", {"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}),
        ("/traces", {"start": "2300-01-01T00:00:00Z"}),
        ("/traces", {"cursor": "x"}),
        ("/traces", {"cursor": "e30"}),
        ("/traces", {"cursor": "W10"}),
        ("/traces", {"cursor": "ü"}),
        ("/traces", {"cursor": "x" * 3000}),
        ("/traces", {"q": "(" * 10_000}),
        ("/traces", {"q": "a" * 40_000}),
        ("/logs", {"severity": "loud"}),
        ("/logs", {"trace_id": "zz"}),
        ("/logs", {"span_id": "zz"}),
        ("/logs", {"order": "up"}),
        ("/logs", {"cursor": "WyJ0cmFjZXMiLDEsMiwzLCJhIl0"}),
        ("/logs/histogram", {"q": "a:"}),
        ("/services", {"limit": "-5"}),
        ("/services/x/signals", {"step_seconds": "1"}),
        ("/attributes", {"signal": "sounds"}),
        (f"/traces/{'0' * 32}", {"details": "some"}),
        (f"/correlations/{'x' * 2000}", {}),
    ],
)
async def test_bad_parameters_are_400_problems_that_say_which(
    get: Get, path: str, parameters: dict[str, str]
) -> None:
    problem = await get(path, 400, **parameters)
    assert problem["type"] == "urn:sightline:problem:invalid-parameter"
    assert problem["status"] == 400
    assert problem["detail"].startswith("cannot ")
    assert len(problem["detail"]) < 400


async def test_a_query_error_has_its_position(get: Get) -> None:
    problem = await get("/traces", 400, q="service:a AND (name:b")
    assert problem["position"] == 14


async def test_unknown_paths_and_methods_are_problems(client: httpx.AsyncClient) -> None:
    unknown = await client.get("/api/v1/nothing")
    wrong = await client.post("/api/v1/traces")
    for response, status in ((unknown, 404), (wrong, 405)):
        assert response.status_code == status
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["status"] == status
    assert wrong.headers["allow"] == "GET"


@pytest.mark.parametrize(
    ("error", "status", "hint"),
    [
        (StoreUnavailable("x", code=159), 504, "shorter time range"),
        (StoreUnavailable("x", code=241), 503, "shorter time range"),
        (StoreUnavailable("x", code=210), 503, "try again"),
        (StoreError("x", code=47), 500, "log"),
    ],
)
async def test_a_store_that_fails_says_what_to_do(
    app: FastAPI,
    client: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    error: StoreError,
    status: int,
    hint: str,
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("sightline_core.store.client.Store.rows", fail)
    response = await client.get("/api/v1/services")
    assert (response.status_code, response.headers["content-type"]) == (
        status, "application/problem+json",
    )  # fmt: skip
    assert hint in response.json()["detail"]
