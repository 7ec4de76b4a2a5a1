"""The promise of the whole: nothing lost, doubled, changed or unexplained, whatever goes wrong."""

from __future__ import annotations

import os
import random
import time
from typing import TYPE_CHECKING, Final

import pytest
from tests.end_to_end.oracle.checks import check
from tests.end_to_end.oracle.schedule import plan
from tests.end_to_end.oracle.world import World

if TYPE_CHECKING:
    from pathlib import Path

SEED: Final = "SIGHTLINE_SEED"
MINUTES: Final = "SIGHTLINE_SOAK_MINUTES"
PROGRESS_SECONDS: Final = 60
PROGRESS_REQUESTS: Final = 20


@pytest.mark.timeout(300)
def test_what_was_acknowledged_is_stored_once_after_each_kind_of_fault(tmp_path: Path) -> None:
    seed = chosen_seed()
    with World(tmp_path, seed, pace_seconds=0.1) as world:
        world.suffer(plan(random.Random(seed), steps=6))
        finish(world)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_what_was_acknowledged_is_stored_once_after_minutes_of_faults(tmp_path: Path) -> None:
    seed = chosen_seed()
    minutes = float(os.environ.get(MINUTES, "10"))
    chance = random.Random(seed)
    with World(tmp_path, seed, pace_seconds=0.2) as world:
        deadline = time.monotonic() + 60 * minutes
        while time.monotonic() < deadline:
            world.suffer(plan(chance, steps=6, at_once=2))
        finish(world)


def chosen_seed() -> int:
    seed = int(os.environ.get(SEED, random.SystemRandom().randrange(2**32)))
    print(f"{SEED}={seed}")  # noqa: T201 - to run it again
    return seed


def finish(world: World) -> None:
    """After the faults: progress first, then everything must be there."""
    world.recover()
    acknowledged = len(world.writers.sent.acknowledged)
    world.writers.wait_acknowledged(acknowledged + PROGRESS_REQUESTS, PROGRESS_SECONDS)
    world.writers.stop()
    print(check(world.topology, world.writers.sent))  # noqa: T201 - how much was at stake
