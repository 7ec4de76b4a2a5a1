"""What goes wrong and when: a plan made from a seed, so that it can be made again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    import random

Kind = Literal["kill", "freeze", "restart", "cut", "slow", "full"]
PROCESSES: Final = ("broker", "store", "collector", "pipeline-0", "pipeline-1")
LINKS: Final = ("to broker", "to store")
TARGETS: Final[dict[Kind, tuple[str, ...]]] = {
    "kill": PROCESSES,
    "freeze": PROCESSES,
    "restart": PROCESSES,
    "cut": LINKS,
    "slow": LINKS,
    "full": ("store",),
}
"""What can happen to whom. `kill` is SIGKILL, `freeze` SIGSTOP, `restart` SIGTERM; each is undone
after a while. `cut` resets all connections and new ones, `slow` passes little. `full`: its
file system has only so many bytes left."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        amount: of `slow`, bytes a second; of `full`, bytes that are left.
    """

    kind: Kind
    target: str
    amount: int

    def __str__(self) -> str:
        """Say it in the words of the plan."""
        return f"{self.kind} {self.target}" + (f" {self.amount}" if self.amount else "")


@dataclass(frozen=True, slots=True)
class Step:
    """Faults that begin together, after `wait` seconds, and end together `lasts` seconds later."""

    wait: float
    faults: tuple[Fault, ...]
    lasts: float


def plan(chance: random.Random, steps: int, *, at_once: int = 1) -> list[Step]:
    """Return so many steps; all kinds come before one comes again.

    Args:
        chance: decides everything.
        steps: how many.
        at_once: a step has up to so many faults, of different targets.
    """
    deck: list[Kind] = []
    made = []
    for _ in range(steps):
        faults: dict[str, Fault] = {}
        for _ in range(chance.randint(1, at_once)):
            if not deck:
                deck = list(TARGETS)
                chance.shuffle(deck)
            kind = deck.pop()
            target = chance.choice(TARGETS[kind])
            faults.setdefault(target, Fault(kind, target, _amount(kind, chance)))
        lasts = round(chance.choice([0.1, 1.0, 4.0]) * chance.uniform(0.5, 1.5), 2)
        made.append(Step(round(chance.uniform(0.5, 2.0), 2), tuple(faults.values()), lasts))
    return made


def _amount(kind: Kind, chance: random.Random) -> int:
    if kind == "slow":
        return chance.choice([4_000, 40_000, 200_000])
    if kind == "full":
        return chance.choice([0, 50_000, 1_000_000])
    return 0
