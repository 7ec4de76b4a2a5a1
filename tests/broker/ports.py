"""Ports for processes that must come back on the port they had."""

from __future__ import annotations

import random
import socket

FIRST, LAST = 20_000, 32_000
"""Below the range that Linux gives to outgoing connections: a stopped node's port stays free."""


def free_ports(count: int) -> list[int]:
    """Return that many ports of loopback that nothing listens on."""
    ports: list[int] = []
    chance = random.SystemRandom()
    while len(ports) < count:
        port = chance.randrange(FIRST, LAST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in ports:
            ports.append(port)
    return ports
