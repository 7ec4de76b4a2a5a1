"""Orders to partitions over the API."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

PATH = "/api/v1/partitions/orders"


async def test_an_order_is_kept_and_the_last_one_counts(client: httpx.AsyncClient) -> None:
    topic = f"otlp_spans-{uuid.uuid4().hex}"
    order = {"topic": topic, "partition": 3, "paused": True, "note": "moving", "ordered_by": "me"}
    assert (await client.post(PATH, json=order)).status_code == 202

    async def standing() -> dict[str, object]:
        items = (await client.get(PATH)).json()["items"]
        (item,) = [item for item in items if item["topic"] == topic]
        return {name: item[name] for name in ("partition", "paused", "detail", "ordered_by")}

    assert await standing() == {"partition": 3, "paused": True, "detail": "moving",
                                "ordered_by": "me"}  # fmt: skip
    await client.post(PATH, json={"topic": topic, "partition": 3, "paused": False})
    assert (await standing())["paused"] is False


async def test_a_page_from_elsewhere_cannot_give_orders(client: httpx.AsyncClient) -> None:
    order = '{"topic": "otlp_spans", "partition": 0, "paused": true}'
    form = {"content-type": "text/plain"}
    assert (await client.post(PATH, content=order, headers=form)).status_code == 415


async def test_an_order_to_no_possible_partition_is_refused(client: httpx.AsyncClient) -> None:
    for wrong in ({"topic": "a b"}, {"partition": -1}, {"paused": "perhaps"}, {"more": 1}):
        order = {"topic": "otlp_spans", "partition": 0, "paused": True, **wrong}
        assert (await client.post(PATH, json=order)).status_code == 400, wrong
