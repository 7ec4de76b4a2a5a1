"""`python -m sightline_demo --endpoint URL`: the shop, until its standard input closes."""

from __future__ import annotations

import argparse
import importlib
import json
import sys

from sightline_demo.addresses import listen
from sightline_demo.processes import Nursery, programs

PRELOADED = (
    "httptools",
    "opentelemetry.exporter.otlp.proto.http._log_exporter",
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.instrumentation.httpx",
    "sightline.instrumentation",
    "sightline.setup",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
)
"""What the services would import one by one after the fork."""


def main() -> None:
    """Open the sockets, say where the shop is, run it."""
    parser = argparse.ArgumentParser(prog="sightline_demo", description=__doc__)
    parser.add_argument("--endpoint", required=True, help="OTLP/HTTP base URL")
    parser.add_argument("--rate", type=float, default=2.0, help="requests a second")
    wanted = parser.parse_args()
    for module in PRELOADED:
        importlib.import_module(module)
    addresses = listen()
    nursery = Nursery(programs(addresses, wanted.endpoint, wanted.rate))
    nursery.start()
    print(json.dumps({"storefront": addresses.url("storefront")}), flush=True)  # noqa: T201
    nursery.watch(parent=sys.stdin.fileno())


if __name__ == "__main__":
    main()
