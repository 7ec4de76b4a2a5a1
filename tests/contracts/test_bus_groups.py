"""The contract of the bus: consumer groups, ownership, commits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.contracts.steps import Listener, Own, fill, numbered, poll_until, take

from sightline_core.bus.protocol import Committed, TopicPartition
from sightline_core.errors import Fenced

if TYPE_CHECKING:
    from sightline_core.bus.protocol import Bus


async def test_two_members_share_the_partitions_and_never_own_one_at_once(
    bus: Bus, own: Own
) -> None:
    await bus.create_topic(own.topic, partitions=4)
    first, second = bus.consumer(own.group, [own.topic]), bus.consumer(own.group, [own.topic])
    await poll_until(lambda: len(first.assignment) == 4, first)

    def shared() -> bool:
        assert not first.assignment & second.assignment
        return len(first.assignment) == 2 == len(second.assignment)

    await poll_until(shared, first, second)
    await second.close()
    await poll_until(lambda: len(first.assignment) == 4, first)


async def test_groups_do_not_share_partitions(bus: Bus, own: Own) -> None:
    await bus.create_topic(own.topic, partitions=2)
    first, second = (
        bus.consumer(own.group, [own.topic]),
        bus.consumer(own.group + "-2", [own.topic]),
    )
    await poll_until(lambda: first.assignment == own.both == second.assignment, first, second)


async def test_a_new_owner_goes_on_where_the_old_one_committed(bus: Bus, own: Own) -> None:
    await fill(bus, own.topic, numbered(10))
    first = bus.consumer(own.group, [own.topic])
    await take(first, 10)
    await first.commit({own.p0: Committed(6, "half")})
    await first.close()
    second = bus.consumer(own.group, [own.topic])
    records = await take(second, 4)
    assert [record.offset for record in records] == [6, 7, 8, 9]
    assert await second.committed(own.p0) == Committed(6, "half")


async def test_the_listener_hears_of_every_change_inside_poll(bus: Bus, own: Own) -> None:
    await bus.create_topic(own.topic, partitions=2)
    heard = Listener()
    first = bus.consumer(own.group, [own.topic], heard)
    await poll_until(lambda: first.assignment == own.both, first)
    assert heard.owned == own.both
    second = bus.consumer(own.group, [own.topic])
    calls = len(heard.calls)
    await poll_until(lambda: bool(second.assignment), second, first)
    assert len(heard.calls) > calls
    assert heard.owned == first.assignment
    await first.close()
    assert heard.owned == set()
    assert heard.calls[-1][0] == "revoked"


async def test_a_commit_inside_on_revoked_counts_for_the_next_owner(bus: Bus, own: Own) -> None:
    await fill(bus, own.topic, numbered(10))
    heard = Listener()
    first = bus.consumer(own.group, [own.topic], heard)

    async def finish(partitions: frozenset[TopicPartition]) -> None:
        assert partitions <= first.assignment
        await first.commit(dict.fromkeys(partitions, Committed(7)))

    heard.revoking = finish
    await take(first, 10)
    await first.close()
    records = await take(bus.consumer(own.group, [own.topic]), 3)
    assert records[0].offset == 7


async def test_commits_for_a_partition_that_moved_are_fenced(bus: Bus, own: Own) -> None:
    await bus.create_topic(own.topic, partitions=2)
    first, second = bus.consumer(own.group, [own.topic]), bus.consumer(own.group, [own.topic])
    await poll_until(lambda: first.assignment == own.both, first)
    await poll_until(lambda: len(second.assignment) == 1 == len(first.assignment), first, second)
    (kept,), (moved,) = first.assignment, second.assignment
    with pytest.raises(Fenced, match="cannot commit"):
        await first.commit({kept: Committed(1), moved: Committed(1)})
    assert await first.committed(kept) is None, "all of it or none"
    await second.commit({moved: Committed(0)})
    await second.close()
    with pytest.raises(Fenced):
        await second.commit({moved: Committed(1)})


async def test_there_is_no_progress_before_the_first_commit(bus: Bus, own: Own) -> None:
    await fill(bus, own.topic, numbered(1))
    consumer = bus.consumer(own.group, [own.topic])
    await take(consumer, 1)
    assert await consumer.committed(own.p0) is None


async def test_progress_and_metadata_are_kept_together_and_replaced_together(
    bus: Bus, own: Own
) -> None:
    await fill(bus, own.topic, numbered(5))
    consumer = bus.consumer(own.group, [own.topic])
    await take(consumer, 5)
    for progress in (Committed(2, "intent → 2-4"), Committed(5), Committed(3, "back")):
        await consumer.commit({own.p0: progress})
        assert await consumer.committed(own.p0) == progress
