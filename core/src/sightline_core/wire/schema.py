"""The OTLP messages of each signal, parsed in C (upb), and how many records they hold."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from sightline_core.wire.names import Signal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.descriptor import Descriptor, FileDescriptor


@dataclass(frozen=True, slots=True)
class SignalSchema:
    """The messages of one signal.

    Attributes:
        request: what a client sends.
        response: the answer to it.
        rejected_field: the field of `partial_success` that counts rejected records.
        service: full name of the gRPC service.
    """

    request: type[Any]
    response: type[Any]
    rejected_field: str
    service: str


@cache
def schema(signal: Signal) -> SignalSchema:
    """Return the messages of `signal`."""
    module: Any
    module, name, rejected = {
        Signal.TRACES: (trace_service_pb2, "Trace", "rejected_spans"),
        Signal.LOGS: (logs_service_pb2, "Logs", "rejected_log_records"),
        Signal.METRICS: (metrics_service_pb2, "Metrics", "rejected_data_points"),
    }[signal]
    return SignalSchema(
        request=getattr(module, f"Export{name}ServiceRequest"),
        response=getattr(module, f"Export{name}ServiceResponse"),
        rejected_field=rejected,
        service=module.DESCRIPTOR.services_by_name[f"{name}Service"].full_name,
    )


def response(signal: Signal, *, rejected: int = 0, message: str = "") -> Any:
    """Return the answer to an accepted request; `partial_success` is set only to say something."""
    answer = schema(signal).response()
    if rejected or message:
        partial = answer.partial_success
        setattr(partial, schema(signal).rejected_field, rejected)
        partial.error_message = message
    return answer


def count(signal: Signal, request: Any) -> int:
    """Return how many spans, log records or data points a parsed request holds.

    Costs a step per scope, for metrics a step per metric; never one per record.
    """
    if signal is Signal.TRACES:
        return sum(
            len(scope.spans)
            for resource in request.resource_spans
            for scope in resource.scope_spans
        )
    if signal is Signal.LOGS:
        return sum(
            len(scope.log_records)
            for resource in request.resource_logs
            for scope in resource.scope_logs
        )
    return sum(
        len(getattr(metric, kind).data_points)
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if (kind := metric.WhichOneof("data"))
    )


@cache
def lenient_request(signal: Signal) -> type[Any]:
    """Return the request class of `signal` with every string field declared as bytes.

    The wire format is the same, so it parses what the strict class refuses for invalid UTF-8.
    """
    pool = descriptor_pool.DescriptorPool()
    _add_with_bytes(pool, schema(signal).request.DESCRIPTOR.file, set())
    name = schema(signal).request.DESCRIPTOR.full_name
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def _add_with_bytes(
    pool: descriptor_pool.DescriptorPool, file: FileDescriptor, added: set[str]
) -> None:
    if file.name in added:
        return
    added.add(file.name)
    for dependency in file.dependencies:
        _add_with_bytes(pool, dependency, added)
    proto = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(proto)
    del proto.service[:]
    for message in proto.message_type:
        _declare_bytes(message)
    pool.Add(proto)


def _declare_bytes(message: descriptor_pb2.DescriptorProto) -> None:
    kinds = descriptor_pb2.FieldDescriptorProto
    for field in message.field:
        if field.type == kinds.TYPE_STRING:
            field.type = kinds.TYPE_BYTES
    for nested in message.nested_type:
        _declare_bytes(nested)


@cache
def string_fields(signal: Signal) -> Mapping[str, frozenset[str]]:
    """Return the names of the string fields of every message, by its full name."""
    found: dict[str, frozenset[str]] = {}
    _collect_strings(schema(signal).request.DESCRIPTOR, found)
    return found


def _collect_strings(message: Descriptor, found: dict[str, frozenset[str]]) -> None:
    if message.full_name in found:
        return
    found[message.full_name] = frozenset(
        field.name for field in message.fields if field.type == field.TYPE_STRING
    )
    for field in message.fields:
        if field.message_type is not None:
            _collect_strings(field.message_type, found)


@cache
def shell(children: int) -> type[Any]:
    """Return a message class that knows one field: repeated bytes `children` of that number.

    Everything else in the message is kept as unknown fields, byte for byte.
    """
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name=f"sightline_shell_{children}.proto", package="sightline.shell", syntax="proto3"
    )
    message = file.message_type.add(name=f"Shell{children}")
    message.field.add(
        name="children", number=children, type=kinds.TYPE_BYTES, label=kinds.LABEL_REPEATED
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(
        pool.FindMessageTypeByName(f"sightline.shell.Shell{children}")
    )
