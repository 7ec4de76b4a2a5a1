"""The envelope merges into any OTLP message and says what the bus knows about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given
from hypothesis import strategies as st

from sightline_core.bus.protocol import Record
from sightline_core.wire.envelope import EnvelopeField, delimited, envelope, headers

if TYPE_CHECKING:
    from google.protobuf.message import Message

UINT64 = st.integers(0, 2**64 - 1)
PAST, FUTURE = 3600.0, 60.0
BUS_TIME = 1_700_000_000_123_000_000


@pytest.fixture(scope="module")
def envelope_class() -> type[Message]:
    """A message that declares the envelope's fields as the store's schema does."""
    kinds = descriptor_pb2.FieldDescriptorProto
    types = {
        EnvelopeField.PARTITION: kinds.TYPE_UINT32,
        **dict.fromkeys(
            (EnvelopeField.TENANT, EnvelopeField.ORIGIN, EnvelopeField.TOPIC), kinds.TYPE_STRING
        ),
        **dict.fromkeys(
            (EnvelopeField.RECEIVED_AT, EnvelopeField.ACCEPT_FROM, EnvelopeField.ACCEPT_UNTIL),
            kinds.TYPE_FIXED64,
        ),
    }
    file = descriptor_pb2.FileDescriptorProto(name="envelope_test.proto", package="t")
    message = file.message_type.add(name="Envelope")
    message.field.add(name="payload", number=1, type=kinds.TYPE_BYTES, label=1)
    for field in EnvelopeField:
        message.field.add(
            name=field.name.lower(),
            number=field,
            type=types.get(field, kinds.TYPE_UINT64),
            label=1,
        )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("t.Envelope"))


def record(*given_headers: tuple[str, bytes], value: bytes = b"", **changes: Any) -> Record:
    fields: dict[str, Any] = {
        "topic": "otlp_spans",
        "partition": 3,
        "offset": 7,
        "timestamp_ms": 1_700_000_000_123,
        "value": value,
        "key": None,
        "headers": given_headers,
    }
    return Record(**(fields | changes))


def extra(given: Record) -> bytes:
    return envelope(given, accept_past_seconds=PAST, accept_future_seconds=FUTURE)


@given(
    tenant=st.text(min_size=1),
    origin=st.text(),
    seq=UINT64,
    records=UINT64,
    received=st.integers(BUS_TIME - 3_600_000_000_000, BUS_TIME + 60_000_000_000),
    offset=st.integers(0, 2**63 - 1),
    partition=st.integers(0, 2**32 - 1),
)
def test_every_fact_comes_back(  # noqa: PLR0917 - hypothesis arguments
    envelope_class: type[Any],
    tenant: str,
    origin: str,
    seq: int,
    records: int,
    received: int,
    offset: int,
    partition: int,
) -> None:
    stamped = headers(
        tenant=tenant, origin=origin, seq=seq, records=records, received_at_unix_nano=received
    )
    given_record = record(*stamped, value=b"\x0a\x01x", offset=offset, partition=partition)

    merged = envelope_class.FromString(given_record.value + extra(given_record))

    assert merged.payload == b"x"
    assert (merged.tenant, merged.origin, merged.seq) == (tenant, origin, seq)
    assert (merged.topic, merged.partition, merged.offset) == ("otlp_spans", partition, offset)
    assert merged.received_at == received
    assert merged.accept_from == received - 3_600_000_000_000
    assert merged.accept_until == received + 60_000_000_000
    assert (merged.records, merged.bytes) == (records, 3)


def test_a_message_without_headers_gets_defaults_and_the_bus_time(
    envelope_class: type[Any],
) -> None:
    merged = envelope_class.FromString(extra(record()))
    assert (merged.tenant, merged.origin, merged.seq) == ("default", "", 0)
    assert merged.received_at == 1_700_000_000_123_000_000
    assert not merged.HasField("records")


@pytest.mark.parametrize(
    "damaged", [b"", b"-1", b"1.5", b"x", b"9" * 21, b"99999999999999999999", "٣".encode(), b"1\n"]
)
def test_a_damaged_number_counts_as_missing(envelope_class: type[Any], damaged: bytes) -> None:
    given_record = record(
        ("sightline-seq", damaged),
        ("sightline-records", damaged),
        ("sightline-received-at", damaged),
    )
    merged = envelope_class.FromString(extra(given_record))
    assert merged.seq == 0
    assert not merged.HasField("records")
    assert merged.received_at == 1_700_000_000_123_000_000


@pytest.mark.parametrize(
    "false",
    [0, 1, BUS_TIME - 3_600_000_000_001, BUS_TIME + 60_000_000_001, 2**63, 2**64 - 1],
)
def test_an_impossible_arrival_counts_as_missing(envelope_class: type[Any], false: int) -> None:
    merged = envelope_class.FromString(extra(record(("sightline-received-at", b"%d" % false))))
    assert merged.received_at == BUS_TIME
    assert merged.accept_from < merged.received_at < merged.accept_until


def test_invalid_utf8_in_a_header_is_replaced(envelope_class: type[Any]) -> None:
    merged = envelope_class.FromString(extra(record(("sightline-tenant", b"a\xff"))))
    assert merged.tenant == "a\ufffd"


def test_the_first_of_a_repeated_header_counts(envelope_class: type[Any]) -> None:
    merged = envelope_class.FromString(
        extra(record(("sightline-seq", b"1"), ("sightline-seq", b"2")))
    )
    assert merged.seq == 1


def test_a_payload_cannot_forge_the_envelope(envelope_class: type[Any]) -> None:
    forged = envelope_class(tenant="admin", origin="me", seq=9, received_at=1, accept_until=2)
    given_record = record(value=forged.SerializeToString())
    merged = envelope_class.FromString(given_record.value + extra(given_record))
    assert (merged.tenant, merged.origin, merged.seq) == ("default", "", 0)
    assert merged.received_at == 1_700_000_000_123_000_000
    assert merged.accept_until > merged.received_at


@given(st.lists(st.tuples(st.binary(max_size=300), st.binary(max_size=300)), max_size=5))
def test_delimited_messages_can_be_read_back(messages: list[tuple[bytes, bytes]]) -> None:
    stream = b"".join(part for message in messages for part in delimited(*message))
    assert list(_split(stream)) == [payload + more for payload, more in messages]


def _split(stream: bytes) -> list[bytes]:
    messages, at = [], 0
    while at < len(stream):
        length = shift = 0
        while True:
            byte = stream[at]
            at += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        messages.append(stream[at : at + length])
        at += length
    return messages
