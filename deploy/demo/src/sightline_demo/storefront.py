"""The storefront: what shoppers talk to. A checkout goes through every other service."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from fastapi import HTTPException
from fastapi.responses import JSONResponse
from opentelemetry import metrics, trace
from pydantic import BaseModel, Field

import sightline
from sightline_demo.behaviour import work
from sightline_demo.broker import Publisher
from sightline_demo.messaging import send
from sightline_demo.service import make_app, neighbours, serve

if TYPE_CHECKING:
    import httpx
    from fastapi import FastAPI

    from sightline_demo.addresses import Addresses
    from sightline_demo.service import Neighbours

log = sightline.get_logger()


class Item(BaseModel):
    """A product that goes into a cart."""

    sku: str
    quantity: int = Field(1, ge=1, le=20)


class Checkout(BaseModel):
    """A cart that becomes an order."""

    cart: str
    tier: Literal["bronze", "silver", "gold"] = "bronze"


class CheckoutFailed(Exception):  # noqa: N818 - an outcome more than an error
    """An order was not placed, and this is what the shopper is told."""

    def __init__(self, status: int, reason: str) -> None:
        """Answer with this HTTP status and reason."""
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True)
class Counter:
    """Takes orders: the steps of a checkout."""

    calls: Neighbours
    publisher: Publisher

    async def place(self, order_id: str, wanted: Checkout) -> dict[str, Any]:
        """Place an order.

        Raises:
            CheckoutFailed: a step said no; what was reserved is released.
        """
        cart = accept(await self.calls.get("cart", f"/carts/{wanted.cart}")).json()
        lines = [{"sku": line["sku"], "quantity": line["quantity"]} for line in cart["lines"]]
        log.info("checkout started", order_id=order_id, tier=wanted.tier, lines=len(lines))
        reservation = {"order_id": order_id, "lines": lines}
        accept(await self.calls.post("inventory", "/reservations", reservation))
        charge = {"order_id": order_id, "amount_cents": cart["total_cents"], "tier": wanted.tier}
        try:
            accept(await self.calls.post("payment", "/charges", charge))
        except CheckoutFailed:
            await self.calls.delete("inventory", f"/reservations/{order_id}")
            raise
        order = {"order_id": order_id, "tier": wanted.tier, "total_cents": cart["total_cents"]}
        await send(self.publisher, "order.placed", order)
        return order


def accept(answer: httpx.Response) -> httpx.Response:
    """Return a good answer.

    Raises:
        CheckoutFailed: it is not one; a failure of ours is a 503 to the shopper.
    """
    if answer.is_success:
        return answer
    status = answer.status_code if answer.status_code < 500 else 503
    raise CheckoutFailed(status, f"{answer.json().get('detail', answer.reason_phrase)}")


def build(calls: Neighbours, publisher: Publisher) -> FastAPI:
    """Return the application."""
    app = make_app("storefront", calls)
    counter = Counter(calls, publisher)
    orders = metrics.get_meter("shop").create_counter("shop.orders", "{order}", "Orders by outcome")

    @app.get("/products")
    async def products() -> Any:
        await work(1)
        return (await calls.get("catalog", "/products")).json()

    @app.get("/products/{sku}")
    async def product(sku: str) -> Any:
        answer = await calls.get("catalog", f"/products/{sku}")
        if answer.status_code == 404:
            raise HTTPException(404, f"no product {sku}")
        return answer.raise_for_status().json()

    @app.post("/carts/{cart}/items", status_code=201)
    async def add_item(cart: str, item: Item) -> Any:
        answer = await calls.post("cart", f"/carts/{cart}/items", item.model_dump())
        if answer.status_code == 404:
            raise HTTPException(404, f"no product {item.sku}")
        return answer.raise_for_status().json()

    @app.post("/checkout", status_code=201)
    async def checkout(wanted: Checkout) -> Any:
        order_id = f"ord-{secrets.token_hex(4)}"
        trace_id = trace.format_trace_id(trace.get_current_span().get_span_context().trace_id)
        try:
            with sightline.span("place order", order_id=order_id, tier=wanted.tier):
                order = await counter.place(order_id, wanted)
        except CheckoutFailed as error:
            level = log.error if error.status >= 500 else log.warning
            level("order not placed", order_id=order_id, status=error.status, reason=str(error))
            orders.add(1, {"outcome": "failed" if error.status >= 500 else "refused"})
            told = {"detail": str(error), "order_id": order_id, "trace_id": trace_id}
            return JSONResponse(told, error.status)
        log.info("order placed", **order)
        orders.add(1, {"outcome": "placed"})
        return {**order, "trace_id": trace_id}

    return app


def run(addresses: Addresses) -> None:
    """Serve the storefront."""
    app = build(neighbours(addresses), Publisher(addresses.port("broker")))
    serve(app, addresses.sockets["storefront"])
