"""What each request holds, record by record, as the store should show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from tests.end_to_end.numbered import TOO_OLD_NS

from sightline_core.wire.names import Signal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opentelemetry.proto.common.v1.common_pb2 import KeyValue
    from tests.end_to_end.numbered import Numbered

Row = tuple[object, ...]
KINDS: Final = {Span.SPAN_KIND_SERVER: "Server", Span.SPAN_KIND_CLIENT: "Client"}


def rows(request: Numbered) -> list[Row]:
    """Return the rows of rows.sql that its records are; one of quarantine is (number, "")."""
    make = {Signal.TRACES: _spans, Signal.LOGS: _logs, Signal.METRICS: _points}[request.signal]
    return list(make(request.body))


def _spans(body: bytes) -> Iterator[Row]:
    for group in ExportTraceServiceRequest.FromString(body).resource_spans:
        for span in group.scope_spans[0].spans:
            yield (
                span.attributes[0].value.string_value,
                _service(group.resource.attributes),
                span.start_time_unix_nano,
                span.trace_id.hex(),
                span.span_id.hex(),
                span.name,
                KINDS[span.kind],
                span.end_time_unix_nano - span.start_time_unix_nano,
                "Error" if span.status.code == Status.STATUS_CODE_ERROR else "Unset",
            )


def _logs(body: bytes) -> Iterator[Row]:
    for group in ExportLogsServiceRequest.FromString(body).resource_logs:
        for record in group.scope_logs[0].log_records:
            number = record.attributes[0].value.string_value
            service = _service(group.resource.attributes)
            if record.time_unix_nano == TOO_OLD_NS:
                yield number, "logs", service, "timestamp_too_old"
                continue
            yield (
                number,
                service,
                record.time_unix_nano,
                record.trace_id.hex(),
                record.severity_number,
                record.body.string_value,
            )


def _points(body: bytes) -> Iterator[Row]:
    for group in ExportMetricsServiceRequest.FromString(body).resource_metrics:
        service = _service(group.resource.attributes)
        for metric in group.scope_metrics[0].metrics:
            if (kind := metric.WhichOneof("data")) is None:
                continue  # too few records for every kind
            for point in getattr(metric, kind).data_points:
                number = point.attributes[0].value.string_value
                value = point.as_int if metric.name in {"test.gauge", "test.sum"} else point.count
                yield number, service, point.time_unix_nano, metric.name, value


def _service(attributes: Sequence[KeyValue]) -> str:
    return attributes[0].value.string_value
