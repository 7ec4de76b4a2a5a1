"""Under which names the API answers: no page can point its own name here and read or change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from sightline_query_api.app import create_app

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sightline_core.bus.protocol import Bus
    from sightline_core.settings import Settings
    from sightline_core.store.client import Store

ORDER = {"topic": "hosts", "partition": 0, "paused": False}


@pytest.fixture
def ask(
    store: Store, bus: Bus, settings: Settings, tmp_path: Path
) -> Callable[..., httpx.AsyncClient]:
    def ask(**changed: object) -> httpx.AsyncClient:
        chosen = settings.model_copy(update={"api_allowed_hosts": (), **changed})
        app = create_app(store, bus, chosen, static=tmp_path / "no-web-app")
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")

    return ask


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8420", 202),
        ("LOCALHOST.", 202),
        ("sightline.localhost:8420", 202),
        ("127.0.0.1:8420", 202),
        ("[::1]:8420", 202),
        ("192.168.1.7", 202),
        ("till.shop.example:8420", 202),
        ("bound.example", 202),
        ("evil.example:8420", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("evil.example/@localhost", 421),
        ("notlocalhost", 421),
        ("[::1", 421),
        ("", 421),
    ],
)
async def test_a_change_needs_a_known_name_even_from_its_own_page(
    ask: Callable[..., httpx.AsyncClient], host: str, status: int
) -> None:
    async with ask(host="bound.example", api_allowed_hosts=("Till.Shop.example",)) as client:
        answer = await client.post(
            "/api/v1/partitions/orders",
            json=ORDER,
            headers={"host": host, "origin": f"http://{host}", "sec-fetch-site": "same-origin"},
        )
    assert answer.status_code == status, answer.text
    if status == 421:
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert problem["type"] == "urn:sightline:problem:unknown-host"
        assert "api_allowed_hosts" in problem["detail"]


async def test_reading_needs_a_known_name_too_but_probes_do_not(
    ask: Callable[..., httpx.AsyncClient],
) -> None:
    elsewhere = {"host": "evil.example"}
    async with ask() as client:
        assert (await client.get("/api/v1/traces", headers=elsewhere)).status_code == 421
        assert (await client.get("/healthz", headers=elsewhere)).status_code == 200
        assert (await client.get("/metrics", headers=elsewhere)).status_code == 200


async def test_a_star_allows_every_name(ask: Callable[..., httpx.AsyncClient]) -> None:
    async with ask(api_allowed_hosts=("*",)) as client:
        answer = await client.get("/api/v1/partitions/orders", headers={"host": "evil.example"})
    assert answer.status_code == 200
