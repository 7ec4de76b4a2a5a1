"""Every example of docs/sdk.md runs, in the order of the page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sightline.testing import Receiver

PAGE = Path(__file__).parents[2] / "docs" / "sdk.md"


def test_every_example_of_the_page_runs_and_its_telemetry_arrives(
    receiver: Receiver, run_python: Callable[..., str]
) -> None:
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(examples) >= 8

    run_python("\n".join(examples), OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint)

    spans = {span.name: span for span in receiver.spans()}
    assert set(spans) >= {"load prices", "SELECT prices", "place order", "process order.placed"}
    assert {span.service for span in spans.values()} == {"checkout"}
    logs = {log.body: log for log in receiver.logs()}
    assert logs["order placed"].attributes["correlation.id"] == "visit-20931"
    assert logs["price not found"].attributes["exception.type"] == "KeyError"
    assert ("checkout", "shop.orders") in receiver.metrics()
