"""Where everything listens: sockets are opened once, before the processes exist.

A service that crashes finds its socket again, so callers wait for a moment instead of failing.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field

STOREFRONT_PORT = 8421
"""Tried first, so that the shop is found without asking; any free port when it is taken."""
HTTP_SERVICES = ("storefront", "catalog", "cart", "inventory", "payment")
BROKER = "broker"


@dataclass(frozen=True)
class Addresses:
    """The listening sockets by name."""

    sockets: dict[str, socket.socket] = field(default_factory=dict)

    def url(self, name: str) -> str:
        """Return the base URL of an HTTP service."""
        return f"http://127.0.0.1:{self.port(name)}"

    def port(self, name: str) -> int:
        """Return the port that a service listens on."""
        port: int = self.sockets[name].getsockname()[1]
        return port


def listen() -> Addresses:
    """Open every socket, on loopback."""
    sockets = {"storefront": _listen_preferring(STOREFRONT_PORT)}
    for name in (*HTTP_SERVICES[1:], BROKER):
        sockets[name] = _listen(0)
    return Addresses(sockets)


def _listen_preferring(port: int) -> socket.socket:
    try:
        return _listen(port)
    except OSError:
        return _listen(0)


def _listen(port: int) -> socket.socket:
    return socket.create_server(("127.0.0.1", port), backlog=256)
