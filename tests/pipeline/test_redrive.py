"""Dead letters are sent again once, fixed if asked; parked when they fail again; or discarded."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span
from tests.pipeline.desk import SPRING, until

from sightline_core.bus.protocol import Message
from sightline_core.dead_letters.command import Command
from sightline_core.dead_letters.fix import Fix
from sightline_core.wire.names import DEAD_LETTER_COMMANDS, DEAD_LETTER_GROUP, Signal
from sightline_pipeline.service import Pipeline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.pipeline.conftest import Lane, Otlp
    from tests.pipeline.desk import Desk


async def test_a_group_is_sent_again_once_with_its_fix(desk: Desk) -> None:
    await desk.bury(30)
    async with desk.open():
        await desk.indexed()
        fix = Fix.model_validate(
            {"steps": [{"op": "replace", "attribute": "price", "value": 12.5}]}
        )
        redrive = await desk.command(fix=fix, id="a" * 32)
        again = await desk.command(fix=fix, id="a" * 32)
        record = await desk.finished(redrive)
        other = await desk.command()
        assert (await desk.finished(other))["Total"] == 0
    assert redrive == again
    assert (record["State"], record["Total"], record["Done"]) == ("done", 30, 30)
    assert record["Actor"] == "ada"
    received = await desk.received()
    assert sorted(received) == sorted(
        b'{"number": %d, "price": 12.5, "service": "till"}' % number for number in range(1, 31)
    )
    assert desk.states() == {"redriven": 30}


async def test_what_fails_again_is_parked_and_not_sent_by_the_way(
    desk: Desk, lane: Lane, otlp: Otlp
) -> None:
    span = Span(
        trace_id=lane.trace_id(), span_id=b"12345678", name="a", start_time_unix_nano=lane.now
    )
    good = otlp.spans(lane.service, span).SerializeToString()
    poison = good + b"\x0a\xff\xff\xff\xff\x0f"
    began = time.time_ns()
    pipeline = Pipeline(desk.bus, desk.store, desk.settings)
    await pipeline.start()
    selection = {"start": began, "topic": Signal.TRACES.topic}
    async with desk.open():
        await desk.bus.send(Signal.TRACES.topic, Message(good))
        await desk.bus.send(Signal.TRACES.topic, Message(poison, headers=(("x", b"1"),)))
        await _letters(desk, 1)
        (letter,) = _own(desk, began)
        assert letter["ServiceNames"] == [lane.service]
        assert letter["TraceIds"] == [lane.trace_id().hex()]
        assert letter["Preview"] == "a"

        await desk.finished(await desk.command(selection=selection))
        await _letters(desk, 2)
        (parked,) = _own(desk, began)
        assert (parked["Id"], parked["State"]) == (letter["Id"], "parked")
        assert (parked["Redrives"], parked["FirstSeen"]) == (1, letter["FirstSeen"])
        assert (await desk.finished(await desk.command(selection=selection)))["Total"] == 0

        fix = Fix.model_validate({"steps": [{"op": "salvage"}]})
        mended = await desk.command(selection={"ids": [letter["Id"]]}, fix=fix)
        assert (await desk.finished(mended))["Done"] == 1
        await until(lambda: _stored(lane, 2))
    await pipeline.stop()
    (sent,) = _own(desk, began)
    assert (sent["State"], sent["RedrivesNow"]) == ("redriven", 2)


async def test_a_letter_that_cannot_be_fixed_stays_and_says_why(desk: Desk) -> None:
    await desk.bury(1)
    await desk.bus.send(f"{desk.name}.dlq", Message(b"not json", None, SPRING))
    fix = Fix.model_validate({"steps": [{"op": "set", "attribute": "a.b", "value": 1}]})
    async with desk.open():
        await desk.indexed()
        record = await desk.finished(await desk.command(fix=fix))
    assert (record["Done"], record["Failed"]) == (1, 1)
    assert "not JSON" in record["Problems"][0]
    assert desk.states() == {"redriven": 1, "dead": 1}


async def test_a_discard_is_recorded_with_its_reason(desk: Desk) -> None:
    await desk.bury(3)
    async with desk.open():
        await desk.indexed()
        record = await desk.finished(await desk.command("discard", reason="test orders"))
    assert (record["Action"], record["Done"]) == ("discard", 3)
    assert desk.states() == {"discarded": 3}
    assert await desk.received() == []


async def test_a_redrive_can_be_cancelled(desk: Desk) -> None:
    await desk.bury(20)
    async with desk.open():
        await desk.indexed()
        redrive = await desk.command(rate=2)
        await until(lambda: _some(desk))
        await desk.bus.send(
            DEAD_LETTER_COMMANDS,
            Message(Command(id=redrive, action="cancel", created_at=1).model_dump_json().encode()),
        )
        record = await desk.finished(redrive)
    assert record["State"] == "cancelled"
    assert record["Done"] == len(await desk.received()) < 20


async def test_commands_that_nobody_understands_do_not_stop_the_others(desk: Desk) -> None:
    await desk.bury(1)
    async with desk.open():
        await desk.indexed()
        for body in (b"", b"\xff", b"{}", b'{"action": "redrive"}', b"[" * 9999):
            await desk.bus.send(DEAD_LETTER_COMMANDS, Message(body))
        assert (await desk.finished(await desk.command()))["Done"] == 1


async def _some(desk: Desk) -> bool:
    return len(await desk.received()) > 0


async def _stored(lane: Lane, spans: int) -> bool:
    return len(lane.rows("otel_traces")) == spans


async def _letters(desk: Desk, copies: int) -> None:
    async def there() -> bool:
        lags = await desk.bus.lag(DEAD_LETTER_GROUP, Signal.TRACES.dlq_topic)
        return sum(lag.end for lag in lags) == copies and not sum(lag.messages for lag in lags)

    await until(there)


def _own(desk: Desk, began: int) -> Sequence[dict[str, Any]]:
    since = (
        f"toUnixTimestamp64Nano(toDateTime64(DlqTimestamp, 9)) >= {began // 1_000_000 * 1_000_000}"
    )
    return desk.letters(f"Topic = 'otlp_spans' AND {since}")
