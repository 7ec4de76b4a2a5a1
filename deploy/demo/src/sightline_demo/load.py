"""The shoppers: they browse, fill a cart and check out, one correlation id a visit."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from sightline_demo.catalog import PRODUCTS
from sightline_demo.lifetime import run_until_signal
from sightline_demo.once import HEADER

if TYPE_CHECKING:
    from sightline_demo.addresses import Addresses

TIERS = ("bronze", "bronze", "bronze", "silver", "silver", "gold")
BUYS = 0.6
UNKNOWN_PRODUCT = 0.01
MAX_VISITS = 400
"""Visits at the same time; above it, shoppers wait outside."""


@dataclass
class Visit:
    """One shopper's way through the shop."""

    client: httpx.AsyncClient
    storefront: str
    headers: dict[str, str]

    async def get(self, path: str) -> None:
        """Look at a page."""
        await self.client.get(self.storefront + path, headers=self.headers)

    async def post(self, path: str, body: object) -> None:
        """Send a form."""
        await self.client.post(self.storefront + path, json=body, headers=self.headers)


class Turnstile:
    """Lets requests through at a mean rate, at random moments (a Poisson process)."""

    def __init__(self, rate: float) -> None:
        """Let `rate` requests a second through."""
        self._rate = rate
        self._turn = asyncio.Lock()
        self._next = time.monotonic()

    async def wait(self) -> None:
        """Wait for the next moment; moments that were missed by more than a second are left out."""
        async with self._turn:
            now = time.monotonic()
            self._next = max(self._next + random.expovariate(self._rate), now - 1.0)
            await asyncio.sleep(self._next - now)


async def visit(shopper: Visit, turnstile: Turnstile) -> None:
    """Browse, and buy something perhaps; whoever enters was let through for the first request."""
    cart = f"cart-{uuid.uuid4().hex[:10]}"
    await shopper.get("/products")
    chosen = random.sample([sku for sku, _, _ in PRODUCTS], k=random.choice((1, 1, 2, 3)))
    for sku in chosen:
        await turnstile.wait()
        missing = random.random() < UNKNOWN_PRODUCT
        await shopper.get(f"/products/{'tea-unicorn' if missing else sku}")
    if random.random() > BUYS:
        return
    for sku in chosen:
        await turnstile.wait()
        item = {"sku": sku, "quantity": random.choice((1, 1, 1, 2))}
        await shopper.post(f"/carts/{cart}/items", item)
    await turnstile.wait()
    await shopper.post("/checkout", {"cart": cart, "tier": random.choice(TIERS)})


def run(addresses: Addresses, rate: float) -> None:
    """Send `rate` requests a second until a signal comes."""
    run_until_signal(_run(addresses.url("storefront"), rate))


async def _run(storefront: str, rate: float) -> None:
    turnstile = Turnstile(rate)
    inside = asyncio.Semaphore(MAX_VISITS)
    async with (
        httpx.AsyncClient(timeout=15.0, trust_env=False) as client,
        asyncio.TaskGroup() as visits,
    ):
        while True:
            await inside.acquire()
            await turnstile.wait()
            shopper = Visit(client, storefront, {HEADER: f"visit-{uuid.uuid4().hex[:12]}"})
            visits.create_task(_one(shopper, turnstile, inside))


async def _one(shopper: Visit, turnstile: Turnstile, inside: asyncio.Semaphore) -> None:
    with suppress(httpx.HTTPError):  # the storefront is down: this shopper leaves
        await visit(shopper, turnstile)
    inside.release()
