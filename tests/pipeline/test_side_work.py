"""Trouble with dead letters is told and waited out; telemetry goes on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from tests.pipeline.running import GARBAGE, once

from sightline_core.errors import BusError
from sightline_core.wire.names import DEAD_LETTER_DESK_GROUP, DEAD_LETTER_GROUP, Signal
from sightline_pipeline import side_work
from sightline_pipeline.dead_letter_desk import COMMANDS, DEAD_LETTERS, keep_dead_letters

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.pipeline.running import Run


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - plain counters
            await asyncio.sleep(0.01)


class Broken:
    """A real bus, but one group cannot read what there is for it until `mended`."""

    def __init__(self, real: Any, group: str) -> None:
        self.real, self.group, self.mended, self.refused = real, group, False, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def consumer(self, group: str, *given: Any) -> Any:
        made = self.real.consumer(group, *given)
        poll = made.poll

        async def refuse(**given: Any) -> Any:
            if self.mended:
                return await poll(**given)
            self.refused += 1
            raise BusError("cannot read otlp_logs.dlq: the name of a header is not UTF-8")

        if group == self.group:
            made.poll = refuse
        return made


@pytest.mark.parametrize(
    ("group", "what"), [(DEAD_LETTER_GROUP, DEAD_LETTERS), (DEAD_LETTER_DESK_GROUP, COMMANDS)]
)
async def test_what_cannot_be_read_of_dead_letters_holds_them_and_nothing_else(
    run: Run, group: str, what: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_work, "HEALTHY_SECONDS", 0.2)
    bus = Broken(await run.bus(), group)
    pipeline = run.pipeline(bus)
    await pipeline.start()
    beside = pipeline.side_work
    working = asyncio.create_task(keep_dead_letters(bus, run.lane.store, run.settings, beside))
    await until(lambda: bus.refused >= 3)
    assert not working.done()
    assert list(beside.troubles) == [what]
    assert "is not UTF-8" in beside.troubles[what]

    await run.send_spans(3)
    await run.send(GARBAGE)
    stats = pipeline.stats.signals[Signal.TRACES]
    await until(lambda: stats.messages == 3 and stats.dead_lettered == 1)
    await pipeline.reporter.report()
    row = run.lane.store.rows(
        "SELECT State, Reason FROM sightline_component_status FINAL "
        "WHERE Topic = {topic:String} AND Instance = {instance:String}",
        {"topic": what.topic, "instance": pipeline.reporter._instance},
    )
    assert [(one["State"], "is not UTF-8" in one["Reason"]) for one in row] == [("held", True)]

    bus.mended = True
    await until(lambda: not beside.troubles[what])
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    await pipeline.stop()
    assert run.books() == once(3)
