"""The layout of batches, and which partition a key goes to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline_core.bus.batch import (
    EncodedMessage,
    StoredBatch,
    decode_batch,
    encode_batch,
    encode_headers,
)
from sightline_core.bus.partitioner import StickySpread, murmur2, partition_of_key
from sightline_core.bus.protocol import Message, Record, TopicPartition

P0 = TopicPartition("spans", 0)
MESSAGES = st.lists(
    st.builds(
        Message,
        st.binary(),
        st.none() | st.binary(),
        st.lists(st.tuples(st.text(st.characters(codec="utf-8")), st.binary()), max_size=4).map(
            tuple
        ),
    ),
    min_size=1,
    max_size=20,
)


@given(MESSAGES, st.data())
def test_any_run_of_messages_can_be_cut_out_of_a_batch(
    messages: list[Message], data: st.DataObject
) -> None:
    encoded = [
        EncodedMessage(message.key, encode_headers(message.headers), message.value)
        for message in messages
    ]
    stored = StoredBatch(100, len(messages), 7, encode_batch(encoded))
    assert len(stored.data) == sum(message.size for message in encoded)
    first = data.draw(st.integers(90, 100 + len(messages)))
    last = data.draw(st.integers(first, 130))
    assert decode_batch(P0, stored, first, last) == [
        Record("spans", 0, offset, 7, message.value, message.key, message.headers)
        for offset, message in enumerate(messages, 100)
        if first <= offset <= last
    ]


def test_a_header_name_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot send header"):
        encode_headers([("x" * 70_000, b"")])


@pytest.mark.parametrize(
    ("key", "expected"),
    [  # org.apache.kafka.common.utils.UtilsTest.testMurmur2
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_gives_the_vectors_of_kafka(key: bytes, expected: int) -> None:
    assert murmur2(key) == expected & 0xFFFFFFFF
    assert partition_of_key(key, 12) == (expected & 0x7FFFFFFF) % 12


def test_keyless_messages_stay_with_a_partition_for_a_while() -> None:
    spread = StickySpread(bytes_each=100)
    assert [spread.next_partition(50, 3) for _ in range(8)] == [0, 0, 1, 1, 2, 2, 0, 0]
