"""Which partitions shall wait: kept in the store, where every pipeline and every person sees it."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sightline_core.bus.protocol import TopicPartition
from sightline_core.errors import StoreError
from sightline_pipeline.landing import SQL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sightline_core.store.client import Store

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Order:
    """Why a partition waits: `flood`, `dead_letter` or `operator`; detail is for people."""

    reason: str
    detail: str


class Orders:
    """The orders to wait that stand; looked up every `LOOK_SECONDS` by `keep`."""

    def __init__(self, store: Store) -> None:
        """Know of none until `refresh`."""
        self._store = store
        self._standing: Mapping[TopicPartition, Order] = {}
        self._unsaved: dict[TopicPartition, Order] = {}
        self._changed = asyncio.Event()
        self._refreshing = asyncio.Lock()

    def standing(self, partition: TopicPartition) -> Order | None:
        """Return the order that makes the partition wait, if there is one."""
        return self._unsaved.get(partition) or self._standing.get(partition)

    async def pause(self, partition: TopicPartition, reason: str, detail: str) -> None:
        """Order it to wait; holds at once, and beyond this process once the store has it."""
        self._unsaved[partition] = Order(reason, detail)
        await self.refresh()

    async def wait_until_running(self, partition: TopicPartition) -> None:
        """Return when no order makes it wait."""
        while self.standing(partition) is not None:
            await self._changed.wait()

    async def refresh(self) -> None:
        """Save what is new here and read what stands; without a store, all stays as it is."""
        async with self._refreshing:
            new = dict(self._unsaved)
            try:
                for partition, order in new.items():
                    await asyncio.to_thread(
                        save_order, self._store, partition, order, by="pipeline"
                    )
                self._standing = await asyncio.to_thread(read_orders, self._store)
            except StoreError as error:
                log.warning("cannot read the orders to partitions, trying again: %s", error)
                return
            for partition in new:
                del self._unsaved[partition]
        self._changed.set()
        self._changed = asyncio.Event()

    async def keep(self) -> None:
        """Refresh for ever."""
        while True:
            await self.refresh()
            await asyncio.sleep(LOOK_SECONDS)


def save_order(
    store: Store, partition: TopicPartition, order: Order | None, *, by: str, note: str = ""
) -> None:
    """Write an order to wait, or with None that the partition shall run.

    Raises:
        StoreError: it is not written.
    """
    told = order or Order("operator", note)
    store.command(
        (SQL / "save_order.sql").read_text(encoding="utf-8"),
        {
            "topic": partition.topic,
            "partition": partition.partition,
            "paused": order is not None,
            "reason": told.reason,
            "detail": told.detail,
            "by": by,
        },
    )


def read_orders(store: Store) -> Mapping[TopicPartition, Order]:
    """Return the orders to wait that stand.

    Raises:
        StoreError: the store is out of reach.
    """
    rows = store.rows((SQL / "orders.sql").read_text(encoding="utf-8"))
    return {
        TopicPartition(row["topic"], row["partition"]): Order(row["reason"], row["detail"])
        for row in rows
        if row["paused"]
    }
