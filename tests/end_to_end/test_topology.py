"""The distributed topology: store, two pipelines, collector and API apart, on one Kafka node."""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.broker.cluster import KafkaCluster
from tests.end_to_end.numbered import numbered
from tests.end_to_end.processes import Topology, wait_for

from sightline_core.wire.names import Signal

if TYPE_CHECKING:
    from pathlib import Path

RECORDS = 40


@pytest.mark.timeout(180)
def test_every_process_waits_for_what_it_needs_and_ends_when_told(tmp_path: Path) -> None:
    """Clients first, then the broker, the store last: what was sent is queryable."""
    kafka = KafkaCluster(tmp_path / "kafka")
    (tmp_path / "processes").mkdir()
    with Topology(tmp_path / "processes", kafka.bootstrap) as topology:
        try:
            waiting = (*topology.pipelines, topology.collector, topology.api)
            for component in waiting:
                component.start()
            for component in (*topology.pipelines, topology.api):
                component.wait_complained("waiting for the")
            for url in topology.health_urls:
                assert not is_ready(url)
            kafka.start()
            topology.store.start()
            topology.wait_ready()
            send_and_find(topology)
            for url in topology.health_urls:
                wait_for(partial(is_ready, url), "ready")
            topology.stop()
            for component in topology.all:
                assert "Traceback" not in component.stderr, component.stderr
        finally:
            kafka.end()


def is_ready(url: str) -> bool:
    answer = httpx.get(f"{url}/readyz", trust_env=False)
    assert answer.status_code in {200, 503}
    return answer.status_code == 200


def send_and_find(topology: Topology) -> None:
    request = numbered("topology", Signal.TRACES, RECORDS, random.Random(1))
    answer = httpx.post(
        f"{topology.otlp_http}/v1/traces",
        content=request.body,
        headers={"content-type": "application/x-protobuf"},
        trust_env=False,
    )
    assert answer.status_code == 200, answer.text

    def spans() -> int:
        found = [topology.get(f"/traces/{one}") for one in request.trace_ids]
        return sum(int(trace["span_count"]) for trace in found if trace)

    wait_for(lambda: spans() == RECORDS, "all spans")
    assert topology.get("/status")["mode"] == "distributed"
