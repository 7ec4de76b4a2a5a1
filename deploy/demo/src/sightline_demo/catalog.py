"""The catalogue: products and their prices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import HTTPException

import sightline
from sightline_demo.behaviour import work
from sightline_demo.database import Database
from sightline_demo.service import make_app, serve

if TYPE_CHECKING:
    from fastapi import FastAPI

    from sightline_demo.addresses import Addresses
    from sightline_demo.database import Row

PRODUCTS = (
    ("tea-assam", "Assam tea, 250 g", 890),
    ("tea-sencha", "Sencha tea, 100 g", 1290),
    ("mug-stone", "Stoneware mug", 1650),
    ("kettle-steel", "Steel kettle, 1.2 l", 5900),
    ("filter-paper", "Paper filters, 100", 350),
    ("scale-kitchen", "Kitchen scale", 2490),
    ("honey-linden", "Linden honey, 500 g", 1190),
    ("spoon-olive", "Olive wood spoon", 780),
)
_SCHEMA = "CREATE TABLE products (sku TEXT PRIMARY KEY, title TEXT, price_cents INTEGER)"

log = sightline.get_logger()


def build() -> FastAPI:
    """Return the application."""
    app = make_app("catalog")
    database = Database("catalog", _SCHEMA, "INSERT INTO products VALUES (?, ?, ?)", PRODUCTS)

    @app.get("/products")
    async def list_products() -> list[dict[str, str | int]]:
        rows = await database.run("SELECT sku, title, price_cents FROM products", takes_ms=6)
        log.debug("products listed", count=len(rows))
        return [_product(row) for row in rows]

    @app.get("/products/{sku}")
    async def get_product(sku: str) -> dict[str, str | int]:
        await work(1.5)
        rows = await database.run(
            "SELECT sku, title, price_cents FROM products WHERE sku = ?", (sku,)
        )
        if not rows:
            log.warning("product not found", sku=sku)
            raise HTTPException(404, f"no product {sku}")
        log.info("product found", sku=sku, price_cents=rows[0][2])
        return _product(rows[0])

    return app


def run(addresses: Addresses) -> None:
    """Serve the catalogue."""
    serve(build(), addresses.sockets["catalog"])


def _product(row: Row) -> dict[str, str | int]:
    return dict(zip(("sku", "title", "price_cents"), row, strict=True))
