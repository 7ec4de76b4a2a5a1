"""Dead letters put on a bus before the program that owns it starts."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from sightline_core.bus.embedded import EmbeddedBus
from sightline_core.bus.protocol import Message, Record
from sightline_core.errors import PoisonBatch
from sightline_core.settings import load_settings
from sightline_pipeline.dead_letters import dead_letter

if TYPE_CHECKING:
    from pathlib import Path

TOPICS = {"SIGHTLINE_DEAD_LETTER_TOPICS": json.dumps({"orders.dlq": "orders"})}
SECRET = "hunter2-and-more"
HOSTILE = "<img src=x onerror=alert(1)>"
ORDERS = 12
SPANS = 3


async def bury(data_dir: Path, customer: str = HOSTILE) -> None:
    """Write `SPANS` damaged messages of traces and `ORDERS` of an application's orders."""
    bus = EmbeddedBus.from_settings(load_settings(data_dir=data_dir))
    now = time.time_ns()
    for number in range(SPANS):
        value = spans(number, now, customer) + b"\x0a\x7f\x0a"
        record = Record("otlp_spans", 0, number, now // 1_000_000, value, None, ())
        error = PoisonBatch(f"cannot decode: Code: 32: read after eof at row {number}", code=32)
        await dead_letter(bus, record, error, attempts=1)
    for number in range(ORDERS):
        order = {"number": number, "price": None, "password": SECRET, "customer": customer}
        headers = (
            ("kafka_dlt-original-topic", b"orders"),
            ("kafka_dlt-original-partition", (0).to_bytes(4, "big")),
            ("kafka_dlt-original-offset", number.to_bytes(8, "big")),
            ("kafka_dlt-exception-fqcn", b"com.shop.PriceMissing"),
            ("kafka_dlt-exception-message", f"no price for article {number}".encode()),
            (customer, customer.encode()),
        )
        message = Message(json.dumps(order).encode(), b"order-%d" % number, headers)
        await bus.send("orders.dlq", message)
    await bus.close()


def spans(number: int, now: int, customer: str) -> bytes:
    """Return a request of one span of the service `till`."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.append(
        KeyValue(key="service.name", value=AnyValue(string_value="till"))
    )
    span = group.scope_spans.add().spans.add(name=f"POST /order {customer}")
    span.trace_id = now.to_bytes(8, "big") + number.to_bytes(8, "big")
    span.span_id = b"12345678"
    span.start_time_unix_nano = now
    span.end_time_unix_nano = now + 5_000_000
    return request.SerializeToString()
