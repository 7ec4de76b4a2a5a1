"""Shipping: packs what was ordered and says when it is on its way."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import sightline
from sightline_demo.behaviour import work
from sightline_demo.broker import Publisher
from sightline_demo.database import Database
from sightline_demo.lifetime import run_until_signal
from sightline_demo.messaging import consume, send

if TYPE_CHECKING:
    from sightline_demo.addresses import Addresses

CARRIERS = ("postal", "courier", "bike")

log = sightline.get_logger()


class Shipping:
    """Turns placed orders into shipments."""

    def __init__(self, publisher: Publisher) -> None:
        """Start without shipments."""
        self._publisher = publisher
        self._database = Database(
            "shipping", "CREATE TABLE shipments (order_id TEXT, carrier TEXT)"
        )

    async def ship(self, order: dict[str, Any]) -> None:
        """Ship one order."""
        order_id = order["order_id"]
        carrier = random.choice(CARRIERS)
        with sightline.span("pack order", order_id=order_id, carrier=carrier):
            await work(25)
        await self._database.run("INSERT INTO shipments VALUES (?, ?)", (order_id, carrier))
        log.info("order shipped", order_id=order_id, carrier=carrier)
        await send(
            self._publisher,
            "order.shipped",
            {"order_id": order_id, "tier": order["tier"], "carrier": carrier},
        )


def run(addresses: Addresses) -> None:
    """Ship until a signal comes."""
    run_until_signal(_run(addresses.port("broker")))


async def _run(port: int) -> None:
    await consume(port, "order.placed", Shipping(Publisher(port)).ship)
