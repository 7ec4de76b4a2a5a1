"""What the shop's HTTP services have in common."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import uvicorn
from fastapi import FastAPI

import sightline

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from socket import socket

    from sightline_demo.addresses import Addresses


@dataclass(frozen=True)
class Neighbours:
    """HTTP clients of the other services."""

    addresses: Addresses
    client: httpx.AsyncClient

    async def get(self, service: str, path: str) -> httpx.Response:
        """GET from a service; any status is an answer."""
        return await self.client.get(self.addresses.url(service) + path)

    async def post(self, service: str, path: str, body: object) -> httpx.Response:
        """POST JSON to a service; any status is an answer."""
        return await self.client.post(self.addresses.url(service) + path, json=body)

    async def delete(self, service: str, path: str) -> httpx.Response:
        """DELETE at a service; any status is an answer."""
        return await self.client.delete(self.addresses.url(service) + path)


def neighbours(addresses: Addresses) -> Neighbours:
    """Return clients that carry trace and correlation on every call."""
    sightline.instrument_httpx()
    logging.getLogger("httpx").setLevel(logging.WARNING)  # the client spans say the same
    return Neighbours(addresses, httpx.AsyncClient(timeout=10.0, trust_env=False))


def make_app(name: str, calls: Neighbours | None = None) -> FastAPI:
    """Return an instrumented application."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        yield
        if calls is not None:
            await calls.client.aclose()

    app = FastAPI(
        title=name,
        lifespan=lifespan,
        openapi_url=None,
        telemetry={"operation_spans": False},
    )
    sightline.instrument_fastapi(app)
    return app


def serve(app: FastAPI, listening: socket) -> None:
    """Serve until a signal comes."""
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=2)
    uvicorn.Server(config).run(sockets=[listening])
