"""What people ask to be done with dead letters, as it travels over the bus to the worker."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sightline_core.dead_letters.fix import Fix

State = Literal["dead", "redriven", "parked", "discarded"]
LetterId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Text = Annotated[str, Field(max_length=512)]
UnixNano = Annotated[int, Field(ge=0, le=(1 << 63) - 1)]

MOST_IDS: Final = 1000
LAST: Final = (1 << 63) - 1


class Selection(BaseModel):
    """Which letters: all that fit every given member.

    Attributes:
        ids: these letters.
        fingerprint: of a group; `topic` is where the messages came from.
        start, end: unix nanoseconds; when they were given up last, `end` not included.
        states: what they are now. Without it, letters by id may be dead, parked or discarded, all
            others are only dead: what failed again or was sent already is not sent by the way.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    ids: list[LetterId] = Field(default_factory=list, max_length=MOST_IDS)
    fingerprint: Text = ""
    topic: Text = ""
    service: Text = ""
    reason: Text = ""
    start: UnixNano = 0
    end: UnixNano = LAST
    states: list[State] = Field(default_factory=list)

    @model_validator(mode="after")
    def _must_select(self) -> Selection:
        narrowed = self.ids or self.fingerprint or self.topic or self.service or self.reason
        if not narrowed and self.start == 0 and self.end == LAST:
            raise ValueError("select something: ids, fingerprint, topic, service, reason or a time")
        return self

    def parameters(self) -> dict[str, Any]:
        """Return what `condition` binds."""
        states = self.states or (["dead", "parked", "discarded"] if self.ids else ["dead"])
        return {
            "ids": list(self.ids),
            "fingerprint": self.fingerprint,
            "topic": self.topic,
            "service": self.service,
            "reason": self.reason,
            "start": self.start,
            "end": self.end,
            "states": list(states),
        }


class Command(BaseModel):
    """A redrive or a discard, or the end of one that is under way.

    Attributes:
        id: of the redrive; for `cancel`, of the one to end.
        actor: who asks, as they say; `address` is where the request came from.
        created_at: unix nanoseconds; letters given up later are not meant.
        rate: messages a second at most.
        reason: why, for a discard.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: LetterId
    action: Literal["redrive", "discard", "cancel"]
    actor: Text = ""
    address: Text = ""
    created_at: UnixNano
    selection: Selection | None = None
    fix: Fix = Fix()
    rate: float = Field(100, gt=0, le=10_000)
    reason: Text = ""

    @model_validator(mode="after")
    def _must_fit(self) -> Command:
        if (self.selection is None) != (self.action == "cancel"):
            raise ValueError("redrive and discard need a selection, cancel has none")
        if self.fix.replaces and (self.selection is None or len(self.selection.ids) != 1):
            raise ValueError("a new value fits one letter: select it by its id")
        if self.action == "discard" and not self.reason.strip():
            raise ValueError("say why: a discard needs a reason")
        return self


@cache
def condition() -> str:
    """Return the SQL condition on `sightline_dead_letters_now` that a selection stands for."""
    return (files("sightline_core") / "dead_letters" / "selection.sql").read_text("utf-8").strip()
