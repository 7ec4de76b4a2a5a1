from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from sightline_query_api.app import create_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sightline_core.bus.protocol import Bus
    from sightline_core.settings import Settings
    from sightline_core.store.client import Store


@pytest.fixture
async def browser(
    store: Store, bus: Bus, settings: Settings, tmp_path: Path
) -> AsyncIterator[httpx.AsyncClient]:
    static = tmp_path / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text("<!doctype html>the app")
    (static / "assets" / "app-1a2b.js").write_text("run()")
    (tmp_path / "secret").write_text("secret")
    transport = httpx.ASGITransport(create_app(store, bus, settings, static=static))
    async with httpx.AsyncClient(transport=transport, base_url="http://sightline") as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/index.html", "/traces/abc", "/services/a%2Fb", "/apis"])
async def test_pages_of_the_app_are_index_html(browser: httpx.AsyncClient, path: str) -> None:
    response = await browser.get(path)
    assert (response.status_code, response.text) == (200, "<!doctype html>the app")
    assert response.headers["cache-control"] == "no-cache"


async def test_assets_are_cached_for_good(browser: httpx.AsyncClient) -> None:
    response = await browser.get("/assets/app-1a2b.js")
    assert response.text == "run()"
    assert "immutable" in response.headers["cache-control"]


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/nothing",
        "/api",
        "/assets/gone.js",
        "/favicon.ico",
        "/%2e%2e/secret",
        "/..%2fsecret",
    ],
)
async def test_what_is_not_there_is_a_404_problem(browser: httpx.AsyncClient, path: str) -> None:
    response = await browser.get(path)
    assert "secret" not in response.text.replace(path, "").replace("/secret", "")
    if response.status_code != 200:  # a client may fold dots into a page of the app
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/", "/assets/app-1a2b.js", "/api/v1/services", "/api/v1/nothing", "/healthz"]
)
async def test_every_answer_keeps_foreign_code_out(browser: httpx.AsyncClient, path: str) -> None:
    response = await browser.get(path, headers={"origin": "http://evil.example"})
    policy = response.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    assert not [name for name in response.headers if name.startswith("access-control")]


async def test_without_the_app_the_page_says_how_to_build_it(client: httpx.AsyncClient) -> None:
    response = await client.get("/traces")
    assert response.status_code == 200
    assert "make ui" in response.text
    assert (await client.post("/")).status_code == 405
    assert (await client.get("/api/v2")).status_code == 404


async def test_no_page_loads_its_documentation_from_elsewhere(client: httpx.AsyncClient) -> None:
    for path in ("/docs", "/redoc"):
        assert "make ui" in (await client.get(path)).text


async def test_large_answers_are_compressed_for_who_can_read_it(
    client: httpx.AsyncClient,
) -> None:
    packed = await client.get("/api/v1/openapi.json", headers={"accept-encoding": "gzip"})
    plain = await client.get("/api/v1/openapi.json", headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.json() == plain.json()
