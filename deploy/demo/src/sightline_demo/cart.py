"""The carts: what each shopper is about to buy, at the catalogue's price."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from fastapi import HTTPException
from pydantic import BaseModel, Field

import sightline
from sightline_demo.behaviour import work
from sightline_demo.service import make_app, neighbours, serve

if TYPE_CHECKING:
    from fastapi import FastAPI

    from sightline_demo.addresses import Addresses
    from sightline_demo.service import Neighbours

MAX_CARTS = 2_000
"""Carts that are remembered; the oldest is forgotten first."""

log = sightline.get_logger()


class Item(BaseModel):
    """A product that goes into a cart."""

    sku: str
    quantity: int = Field(ge=1, le=20)


class Carts:
    """The lines of every cart."""

    def __init__(self) -> None:
        """Start without carts."""
        self._lines: OrderedDict[str, list[dict[str, str | int]]] = OrderedDict()

    def add(self, cart: str, line: dict[str, str | int]) -> int:
        """Add a line; return how many the cart has."""
        lines = self._lines.setdefault(cart, [])
        lines.append(line)
        if len(self._lines) > MAX_CARTS:
            self._lines.popitem(last=False)
        return len(lines)

    def get(self, cart: str) -> list[dict[str, str | int]] | None:
        """Return the lines, None when there is no such cart."""
        return self._lines.get(cart)


def build(calls: Neighbours) -> FastAPI:
    """Return the application."""
    app = make_app("cart", calls)
    carts = Carts()

    @app.post("/carts/{cart}/items", status_code=201)
    async def add_item(cart: str, item: Item) -> dict[str, int]:
        answer = await calls.get("catalog", f"/products/{item.sku}")
        if answer.status_code == 404:
            raise HTTPException(404, f"no product {item.sku}")
        answer.raise_for_status()
        with sightline.span("store cart", cart_id=cart):
            await work(2)
            price = answer.json()["price_cents"]
            lines = carts.add(cart, {**item.model_dump(), "price_cents": price})
        log.info("item added", cart_id=cart, sku=item.sku, quantity=item.quantity, lines=lines)
        return {"lines": lines}

    @app.get("/carts/{cart}")
    async def get_cart(cart: str) -> dict[str, object]:
        with sightline.span("load cart", cart_id=cart):
            await work(2)
            lines = carts.get(cart)
        if lines is None:
            log.warning("cart not found", cart_id=cart)
            raise HTTPException(404, f"no cart {cart}")
        total = sum(int(line["price_cents"]) * int(line["quantity"]) for line in lines)
        return {"lines": lines, "total_cents": total}

    return app


def run(addresses: Addresses) -> None:
    """Serve the carts."""
    serve(build(neighbours(addresses)), addresses.sockets["cart"])
