"""Services, their SDKs and a collector: messages with a fate each; and what the books must say."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from sightline_core.bus.protocol import Record
from sightline_core.wire.envelope import delimited, envelope, headers
from sightline_core.wire.names import Signal
from sightline_pipeline.landing import landing

if TYPE_CHECKING:
    from sightline_core.store.client import Store

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
FATES = ("stored", "missing", "dead", "parked", "discarded", "duplicated", "void")
_offsets = itertools.count(10_000_000)


@dataclass(frozen=True)
class Sent:
    """A message of spans: its number, its service, what it holds, what becomes of it."""

    seq: int
    service: str
    good: int
    bad: int
    fate: str

    @property
    def records(self) -> int:
        """Spans in it."""
        return self.good + self.bad


@dataclass
class Shop:
    """Messages of one collector, one a second from `start`, numbered from 1; and what says so."""

    store: Store
    start: int
    origin: str
    sent: list[Sent] = field(default_factory=list)
    rejected: dict[str, int] = field(default_factory=dict)

    def message(self, service: str, good: int, fate: str = "stored", bad: int = 0) -> Sent:
        """Add a message."""
        made = Sent(len(self.sent) + 1, service, good, bad, fate)
        self.sent.append(made)
        return made

    def at(self, seq: int) -> int:
        """Return when a message arrived."""
        return self.start + seq * SECOND

    @property
    def end(self) -> int:
        """When the last reports are made: ten seconds after the last message."""
        return self.at(len(self.sent) + 10)

    def insert(self) -> None:
        """Bring the messages where they end up."""
        body = [
            part
            for one in self.sent
            if one.fate in {"stored", "duplicated"}
            for _ in range(2 if one.fate == "duplicated" else 1)
            for part in self._delimited(one)
        ]
        if body:
            landing(Signal.TRACES).insert(self.store, body, f"{self.origin}-{self.start}")
        for one in self.sent:
            if one.fate in {"dead", "parked", "discarded"}:
                self._bury(one)

    def report(self, **more: int) -> None:
        """Let the collector report what it did, at the end; `more`: rejected spans by service."""
        self.rejected = more
        forwarded = sum(one.records for one in self.sent if one.fate != "void")
        void = [
            ({"signal": "traces", "first": one.seq, "last": one.seq}, 1)
            for one in self.sent
            if one.fate == "void"
        ]
        points: dict[str, list[tuple[dict[str, Any], int]]] = {
            "sightline.collector.records": [
                ({"signal": "traces", "outcome": "accepted"}, forwarded),
                ({"signal": "traces", "outcome": "forwarded"}, forwarded),
                *(
                    (
                        {
                            "signal": "traces", "outcome": "rejected", "reason": "too_large",
                            "sightline.service": service,
                        },
                        records,
                    )
                    for service, records in more.items()
                ),
            ],
            "sightline.collector.sequence": [({"signal": "traces"}, len(self.sent))],
            "sightline.collector.void_messages": void,
        }  # fmt: skip
        resource = {"service.name": "sightline-collector", "service.instance.id": self.origin}
        self.metrics(resource, points)

    def sdk(self, service: str, *, sampled_out: int = 0, dropped: int = 0, queued: int = 0) -> int:
        """Let the SDK of a service report, at the end; return what it delivered."""
        delivered = sum(
            one.records for one in self.sent if one.service == service and one.fate != "void"
        ) + self.rejected.get(service, 0)
        exporter = {"otel.component.type": "otlp_http_span_exporter"}
        processor = {"otel.component.type": "batching_span_processor"}
        points: dict[str, list[tuple[dict[str, Any], int]]] = {
            "otel.sdk.span.started": [
                ({"otel.span.sampling_result": "DROP"}, sampled_out),
                ({"otel.span.sampling_result": "RECORD_AND_SAMPLE"}, delivered + dropped + queued),
            ],
            "otel.sdk.processor.span.processed": [
                (processor, delivered),
                (processor | {"error.type": "queue_full"}, dropped),
            ],
            "otel.sdk.processor.span.queue.size": [(processor, queued)],
            "otel.sdk.exporter.span.exported": [(exporter, delivered)],
            "otel.sdk.exporter.span.inflight": [(exporter, 0)],
        }
        self.metrics({"service.name": service}, points)
        return delivered

    def metrics(
        self,
        resource: dict[str, str],
        points: dict[str, list[tuple[dict[str, Any], int]]],
        at: int | None = None,
    ) -> None:
        """Insert cumulative sums that began at `start`, by metric name."""
        request = ExportMetricsServiceRequest()
        group = request.resource_metrics.add()
        group.resource.attributes.extend(_attributes(resource))
        scope = group.scope_metrics.add()
        for name, values in points.items():
            metric = scope.metrics.add(name=name)
            metric.sum.aggregation_temporality = (
                AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
            )
            for given, value in values:
                metric.sum.data_points.add(
                    attributes=_attributes(given),
                    as_int=value,
                    start_time_unix_nano=self.start,
                    time_unix_nano=at or self.end,
                )
        offset = next(_offsets)
        record = Record(
            Signal.METRICS.topic,
            0,
            offset,
            self.end // 10**6,
            request.SerializeToString(),
            None,
            (),
        )
        extra = envelope(record, accept_past_seconds=7200, accept_future_seconds=7200)
        landing(Signal.METRICS).insert(self.store, delimited(record.value, extra), f"m-{offset}")

    def _delimited(self, one: Sent) -> tuple[bytes, bytes, bytes]:
        body = _spans(one, self.at(one.seq))
        offset = next(_offsets)
        known = headers(
            tenant="default", origin=self.origin, seq=one.seq, records=one.records,
            received_at_unix_nano=self.at(one.seq),
        )  # fmt: skip
        record = Record(
            Signal.TRACES.topic, 0, offset, self.at(one.seq) // 10**6, body, None, known
        )
        return delimited(body, envelope(record, accept_past_seconds=3600, accept_future_seconds=60))

    def _bury(self, one: Sent) -> None:
        identity = f"{self.origin}-{one.seq}"
        self.store.command(
            "INSERT INTO sightline_dead_letters "
            "(Id, Kind, Topic, Offset, Signal, Origin, Seq, Records, ReceivedAt, ServiceNames, "
            "Reason, Version, ExpiresAt) SELECT {id:String}, 'telemetry', 'otlp_spans', "
            "{seq:UInt64}, 'traces', {origin:String}, {seq:UInt64}, {records:UInt64}, "
            "fromUnixTimestamp64Nano({at:Int64}), {services:Array(String)}, 'engine_32', 1, "
            "now() + INTERVAL 1 DAY",
            {
                "id": identity, "seq": one.seq, "origin": self.origin, "records": one.records,
                "at": self.at(one.seq), "services": [one.service],
            },
        )  # fmt: skip
        if one.fate != "dead":
            self.store.command(
                "INSERT INTO sightline_dead_letter_events (LetterId, Redrives, State, Time) "
                "SELECT {id:String}, 1, {state:String}, now64(9)",
                {"id": identity, "state": one.fate},
            )

    def expected_gaps(self) -> list[tuple[int, int]]:
        """Return the runs of numbers that are missing."""
        lost = [one.seq for one in self.sent if one.fate == "missing"]
        runs: list[tuple[int, int]] = []
        for seq in lost:
            if runs and runs[-1][1] == seq - 1:
                runs[-1] = runs[-1][0], seq
            else:
                runs.append((seq, seq))
        return runs

    def expected(self) -> dict[str, Counter[str]]:
        """Return what the columns must hold, by service; missing ones stand under ''."""
        columns: dict[str, Counter[str]] = {}
        for one in self.sent:
            row = columns.setdefault(one.service, Counter())
            if one.fate in {"stored", "duplicated"}:
                copies = 2 if one.fate == "duplicated" else 1
                row["stored"] += one.good * copies
                row["quarantined"] += one.bad * copies
                row["unexplained"] -= one.records * (copies - 1)
                row["duplicated_records"] += one.records * (copies - 1)
            elif one.fate in {"dead", "parked"}:
                row["dead_lettered"] += one.records
            elif one.fate == "discarded":
                row["dropped"] += one.records
            elif one.fate == "missing":
                columns.setdefault("", Counter())["unexplained"] += one.records
                columns[""]["missing_messages"] += 1
        return columns


def random_shop(store: Store, start: int, seed: int) -> Shop:
    """Return a shop whose messages have fates that the seed decides."""
    dice = random.Random(seed)
    shop = Shop(store, start, f"collector-{seed}-{start}")
    weights = [dice.choice((0, 1, 3)) for _ in FATES]
    weights[0] = 4
    for _ in range(dice.randint(1, 60)):
        fate = dice.choices(FATES, weights)[0]
        shop.message(
            dice.choice(("cart", "pay", "ship")), dice.randint(1, 4), fate, bad=dice.randint(0, 1)
        )
    return shop


def _spans(one: Sent, at: int) -> bytes:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.extend(_attributes({"service.name": one.service}))
    scope = group.scope_spans.add()
    for number in range(one.records):
        span = scope.spans.add(name="work", start_time_unix_nano=at, end_time_unix_nano=at + 1)
        span.trace_id = at.to_bytes(16, "big")
        span.span_id = (number + 1).to_bytes(8, "big") if number < one.good else b"bad"
    body: bytes = request.SerializeToString()
    return body


def _attributes(values: dict[str, Any]) -> list[KeyValue]:
    return [
        KeyValue(
            key=key,
            value=AnyValue(int_value=value)
            if isinstance(value, int)
            else AnyValue(string_value=value),
        )
        for key, value in values.items()
    ]
