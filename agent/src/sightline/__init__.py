"""The Sightline SDK: traces, metrics and logs that carry one correlation id.

import sightline

sightline.configure(service="checkout")
log = sightline.get_logger()

with sightline.span("charge card", order_id="A-1"):
    log.info("card charged", amount_cents=1999)
"""

from sightline.config import configure, flush, shutdown
from sightline.correlation import bind_correlation_id, correlation_id
from sightline.entry import get_logger, instrument, instrument_fastapi, instrument_httpx
from sightline.messages import extracted, inject
from sightline.redaction import Redaction
from sightline.spans import span

__all__ = [
    "Redaction",
    "bind_correlation_id",
    "configure",
    "correlation_id",
    "extracted",
    "flush",
    "get_logger",
    "inject",
    "instrument",
    "instrument_fastapi",
    "instrument_httpx",
    "shutdown",
    "span",
]
