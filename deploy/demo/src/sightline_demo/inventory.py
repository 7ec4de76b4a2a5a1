"""The stock: reserves what an order needs. Its stock lookup is slow for a while now and then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import HTTPException
from pydantic import BaseModel, Field

import sightline
from sightline_demo.behaviour import happens, stock_lookup_is_slow
from sightline_demo.catalog import PRODUCTS
from sightline_demo.database import Database
from sightline_demo.service import make_app, serve

if TYPE_CHECKING:
    from fastapi import FastAPI

    from sightline_demo.addresses import Addresses

SLOW_MS = 250
OUT_OF_STOCK = 0.01
PLENTY = 1_000_000_000
_SCHEMA = """
CREATE TABLE stock (sku TEXT PRIMARY KEY, available INTEGER);
CREATE TABLE reservations (order_id TEXT, sku TEXT, quantity INTEGER);
"""

log = sightline.get_logger()


class Line(BaseModel):
    """A product and how many of it."""

    sku: str
    quantity: int


class Reservation(BaseModel):
    """What an order needs."""

    order_id: str
    lines: list[Line] = Field(min_length=1)


def build() -> FastAPI:
    """Return the application."""
    app = make_app("inventory")
    stock = [(sku, PLENTY) for sku, _, _ in PRODUCTS]
    database = Database("inventory", _SCHEMA, "INSERT INTO stock VALUES (?, ?)", stock)

    @app.post("/reservations", status_code=201)
    async def reserve(wanted: Reservation) -> dict[str, str]:
        slow = stock_lookup_is_slow()
        with sightline.span("check stock", order_id=wanted.order_id, lines=len(wanted.lines)):
            for line in wanted.lines:
                await database.run(
                    "SELECT available FROM stock WHERE sku = ?",
                    (line.sku,),
                    takes_ms=SLOW_MS * 2 if slow else 8,
                )
        if slow:
            log.warning("stock lookup is slow", order_id=wanted.order_id, limit_ms=SLOW_MS)
        if happens(OUT_OF_STOCK):
            log.warning("out of stock", order_id=wanted.order_id, sku=wanted.lines[-1].sku)
            raise HTTPException(409, "out of stock")
        for line in wanted.lines:
            await database.run(
                "INSERT INTO reservations VALUES (?, ?, ?)",
                (wanted.order_id, line.sku, line.quantity),
            )
        log.info("stock reserved", order_id=wanted.order_id, lines=len(wanted.lines))
        return {"order_id": wanted.order_id}

    @app.delete("/reservations/{order_id}", status_code=204)
    async def release(order_id: str) -> None:
        await database.run("DELETE FROM reservations WHERE order_id = ?", (order_id,))
        log.info("stock released", order_id=order_id)

    return app


def run(addresses: Addresses) -> None:
    """Serve the stock."""
    serve(build(), addresses.sockets["inventory"])
