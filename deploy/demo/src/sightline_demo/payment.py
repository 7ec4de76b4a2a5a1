"""Payment: charges the card at a provider, which declines some and does not answer for others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from fastapi import HTTPException
from pydantic import BaseModel

import sightline
from sightline_demo.behaviour import happens, work
from sightline_demo.service import make_app, serve

if TYPE_CHECKING:
    from fastapi import FastAPI

    from sightline_demo.addresses import Addresses

DECLINED = 0.05
TIMED_OUT = 0.015
SLOW_SECONDS = 0.25

log = sightline.get_logger()


class ProviderTimeoutError(Exception):
    """The card provider did not answer in time."""


class CardDeclinedError(Exception):
    """The card provider said no."""


class Charge(BaseModel):
    """What is to be paid."""

    order_id: str
    amount_cents: int
    tier: Literal["bronze", "silver", "gold"]


def build() -> FastAPI:
    """Return the application."""
    app = make_app("payment")

    @app.post("/charges", status_code=201)
    async def charge(wanted: Charge) -> dict[str, str]:
        try:
            seconds = await authorize(wanted)
        except CardDeclinedError as error:
            log.warning("card declined", order_id=wanted.order_id, reason=str(error))
            raise HTTPException(402, f"card declined: {error}") from error
        except ProviderTimeoutError as error:
            log.exception("payment failed", order_id=wanted.order_id, tier=wanted.tier)
            raise HTTPException(504, str(error)) from error
        if seconds > SLOW_SECONDS:
            log.warning("card provider is slow", order_id=wanted.order_id, took_s=seconds)
        log.info("card charged", order_id=wanted.order_id, amount_cents=wanted.amount_cents)
        return {"order_id": wanted.order_id, "state": "paid"}

    return app


@sightline.span("authorize card", {"peer.service": "card-provider"}, kind="client")
async def authorize(wanted: Charge) -> float:
    """Ask the provider; return the seconds it took."""
    if happens(TIMED_OUT, "timeout"):
        await work(1500, 0.1)
        raise ProviderTimeoutError("no answer from card-provider within 1.5 s")
    seconds = await work(70, 0.5)
    if happens(DECLINED, "declined"):
        raise CardDeclinedError("insufficient_funds" if wanted.amount_cents > 5000 else "expired")
    return seconds


def run(addresses: Addresses) -> None:
    """Serve payments."""
    serve(build(), addresses.sockets["payment"])
