"""One checkout through the running shop: `python -m sightline_demo.once [--outcome declined]`."""

from __future__ import annotations

import argparse
import json
import sys
import uuid
from dataclasses import asdict, dataclass
from typing import get_args

import httpx

from sightline_demo.addresses import STOREFRONT_PORT
from sightline_demo.behaviour import OUTCOME_ENTRY, Outcome
from sightline_demo.catalog import PRODUCTS

HEADER = "x-correlation-id"
STOREFRONT = f"http://127.0.0.1:{STOREFRONT_PORT}"


@dataclass(frozen=True)
class Sent:
    """What is needed to find the checkout again."""

    correlation_id: str
    """On every span and log line of the whole visit, filling the cart included."""
    trace_id: str
    """Of the checkout, 32 hexadecimal digits."""
    order_id: str
    status: int
    """HTTP status of the checkout: 201 placed, 402 declined, 503 payment timed out."""


def send_checkout(storefront: str = STOREFRONT, outcome: Outcome = "ok", items: int = 2) -> Sent:
    """Fill a cart and check out with a settled outcome.

    Args:
        storefront: base URL of the running shop.
        outcome: `ok`; `declined` (402 from payment); `timeout` (payment gives up after 1.5 s,
            an exception with a stack trace); `slow` (stock lookups take half a second each).
        items: different products in the cart, 1 to 8.

    Raises:
        httpx.HTTPError: the shop does not answer.
    """
    correlation_id = f"once-{uuid.uuid4().hex[:12]}"
    headers = {HEADER: correlation_id, "baggage": f"{OUTCOME_ENTRY}={outcome}"}
    cart = f"cart-{uuid.uuid4().hex[:10]}"
    with httpx.Client(
        base_url=storefront, headers=headers, timeout=30.0, trust_env=False
    ) as client:
        for sku, _, _ in PRODUCTS[:items]:
            body = {"sku": sku, "quantity": 1}
            client.post(f"/carts/{cart}/items", json=body).raise_for_status()
        answer = client.post("/checkout", json={"cart": cart, "tier": "gold"})
        told = answer.json()
    return Sent(correlation_id, told["trace_id"], told["order_id"], answer.status_code)


def main() -> None:
    """Send one checkout and print where to find it, as JSON."""
    parser = argparse.ArgumentParser(description="Send one checkout through the running demo.")
    parser.add_argument("--storefront", default=STOREFRONT, help="base URL (default %(default)s)")
    parser.add_argument("--outcome", default="ok", choices=get_args(Outcome))
    parser.add_argument("--items", type=int, default=2, help="different products, 1 to 8")
    wanted = parser.parse_args()
    try:
        sent = send_checkout(wanted.storefront, wanted.outcome, wanted.items)
    except httpx.HTTPError as error:
        sys.exit(f"cannot send a checkout to {wanted.storefront}: {error or type(error).__name__}")
    print(json.dumps(asdict(sent)))  # noqa: T201 - the answer of the command


if __name__ == "__main__":
    main()
