"""Notifications: tells the customer. One template has a bug."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sightline
from sightline_demo.behaviour import happens, work
from sightline_demo.lifetime import run_until_signal
from sightline_demo.messaging import consume

if TYPE_CHECKING:
    from sightline_demo.addresses import Addresses

BROKEN_TEMPLATE = 0.02
TEMPLATES = {"postal": "on_its_way", "courier": "on_its_way", "bike": "here_soon"}

log = sightline.get_logger()


async def notify(shipped: dict[str, Any]) -> None:
    """Send one message to the customer."""
    carrier = "drone" if happens(BROKEN_TEMPLATE, "timeout") else shipped["carrier"]
    template = TEMPLATES[carrier]
    with sightline.span("send e-mail", order_id=shipped["order_id"], template=template):
        await work(40, 0.6)
    log.info("customer notified", order_id=shipped["order_id"], template=template)


def run(addresses: Addresses) -> None:
    """Notify until a signal comes."""
    run_until_signal(consume(addresses.port("broker"), "order.shipped", notify))
