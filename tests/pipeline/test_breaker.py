"""Circuit breakers let through all, nothing, or one trial; they never spin."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from sightline_pipeline import breaker
from sightline_pipeline.breaker import FAILURES_TO_OPEN, Breaker, State, pause_seconds

if TYPE_CHECKING:
    import pytest


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_pauses_grow_to_a_limit_and_are_never_short(failures: int, chance: float) -> None:
    pause = pause_seconds(failures, lambda: chance)
    assert breaker.FIRST_PAUSE_SECONDS / 2 <= pause <= breaker.LONGEST_PAUSE_SECONDS
    assert pause_seconds(failures + 2, lambda: 0.0) >= pause_seconds(failures, lambda: 0.0)


@given(st.lists(st.sampled_from(["succeeded", "failed", "pause", "abandoned"]), max_size=60))
def test_any_course_of_calls_obeys_the_model(steps: list[str]) -> None:
    asyncio.run(_obeys(steps))


async def _obeys(steps: list[str]) -> None:
    clock = Clock()
    tested = Breaker("store", clock=clock, chance=lambda: 0.5)
    in_a_row = 0
    for step in steps:
        if step == "pause":
            clock.now += breaker.LONGEST_PAUSE_SECONDS
            continue
        if tested.state is State.OPEN and tested._open_until is not None:
            left = tested._open_until - clock.now
            assert left <= breaker.LONGEST_PAUSE_SECONDS
            clock.now += max(0.0, left)
        before = tested.state
        async with tested.permit():
            assert tested.state is (State.CLOSED if before is State.CLOSED else State.HALF_OPEN)
            if step != "abandoned":
                getattr(tested, step)(*(["why"] if step == "failed" else []))
        if step == "succeeded":
            in_a_row = 0
            assert (tested.state, tested.reason) == (State.CLOSED, "")
        elif step == "failed":
            in_a_row += 1
            opens = before is not State.CLOSED or in_a_row >= FAILURES_TO_OPEN
            assert tested.state is (State.OPEN if opens else State.CLOSED)
            assert tested.reason == "why"
        else:
            assert tested.state is (State.CLOSED if before is State.CLOSED else State.OPEN)


async def test_half_open_lets_one_trial_through_and_success_lets_all_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(breaker, "FIRST_PAUSE_SECONDS", 0.001)
    tested = Breaker("store")
    tested.failed("away", at_once=True)
    inside = 0
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def call() -> None:
        nonlocal inside
        async with tested.permit():
            inside += 1
            entered.set()
            await go_on.wait()
            tested.succeeded()
            inside -= 1

    calls = [asyncio.create_task(call()) for _ in range(8)]
    await entered.wait()
    assert inside == 1
    go_on.set()
    await asyncio.wait_for(asyncio.gather(*calls), 5)
    assert inside == 0


async def test_a_trial_that_is_cancelled_leaves_room_for_another() -> None:
    clock = Clock()
    tested = Breaker("store", clock=clock)
    tested.failed("away", at_once=True)
    clock.now += breaker.LONGEST_PAUSE_SECONDS

    async def trial() -> None:
        async with tested.permit():
            await asyncio.Event().wait()

    first = asyncio.create_task(trial())
    while not tested._trial_running:  # noqa: ASYNC110 - a plain attribute
        await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    async with asyncio.timeout(5), tested.permit():
        tested.succeeded()
    assert tested.state is State.CLOSED


async def test_an_open_breaker_does_not_spin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "FIRST_PAUSE_SECONDS", 0.02)
    tested = Breaker("store")
    calls = 0

    async def use() -> None:
        nonlocal calls
        while True:
            async with tested.permit():
                calls += 1
                tested.failed("away")

    users = [asyncio.create_task(use()) for _ in range(5)]
    await asyncio.wait(users, timeout=0.3)
    for user in users:
        user.cancel()
    await asyncio.gather(*users, return_exceptions=True)
    assert calls <= FAILURES_TO_OPEN + 8
