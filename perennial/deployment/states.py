"""The state machine of a release: one table, whatever the endpoint runs on.

::

    absent ─stage─► staged ─await ready─► ready ─verify─► verified ─shift─► shifting ─watch─► shifted ─promote─► stable
                      │                     │                │                 │                │                  │
                      └─────────────────────┴────────────────┴─────────────────┴────────────────┘                  ▼
                                   ReleaseRejected: rolled back, with its reason                        the alias moves

What a killed deployment left is read from the endpoint record, so that the next one goes on from there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from perennial.errors import ReleaseRejected

Progress = Callable[[int, int], None]


class State(StrEnum):
    """Where a release stands on an endpoint."""

    ABSENT = "absent"
    STAGED = "staged"
    READY = "ready"
    VERIFIED = "verified"
    SHIFTING = "shifting"
    SHIFTED = "shifted"
    STABLE = "stable"


class Steps(Protocol):
    """What is done with a release; each act leaves it in the next state, and may be done again after a kill."""

    def observe(self) -> State:
        """Return where the release stands."""
        ...

    def stage(self) -> None:
        """Make the release the canary, without traffic."""
        ...

    def await_ready(self) -> None:
        """Wait until the canary is loaded."""
        ...

    def verify(self) -> None:
        """Prove the canary by its golden images."""
        ...

    def shift(self) -> None:
        """Give it its first share of the traffic."""
        ...

    def watch(self) -> None:
        """Watch it at each share of the traffic."""
        ...

    def promote(self) -> None:
        """Give it all traffic; what served before is the previous release then."""
        ...

    def roll_back(self, reason: str) -> None:
        """Take the canary away; what is stable isn't touched."""
        ...


@dataclass(frozen=True)
class Step:
    """What is done with a release in one state, and the state it is in then."""

    at: State
    act: Callable[[Steps], None]
    then: State


TABLE = (
    Step(State.ABSENT, lambda steps: steps.stage(), State.STAGED),
    Step(State.STAGED, lambda steps: steps.await_ready(), State.READY),
    Step(State.READY, lambda steps: steps.verify(), State.VERIFIED),
    Step(State.VERIFIED, lambda steps: steps.shift(), State.SHIFTING),
    Step(State.SHIFTING, lambda steps: steps.watch(), State.SHIFTED),
    Step(State.SHIFTED, lambda steps: steps.promote(), State.STABLE),
)


def advance(steps: Steps, progress: Progress, until: State = State.STABLE) -> str | None:
    """Bring a release from where it stands to a state; return None, or the reason why it was rolled back."""
    table = {step.at: (number, step) for number, step in enumerate(TABLE)}
    try:
        while (state := steps.observe()) in table and state != until:
            number, step = table[state]
            progress(number, len(TABLE))
            step.act(steps)
    except ReleaseRejected as rejected:
        steps.roll_back(str(rejected))
        return str(rejected)
    progress(len(TABLE), len(TABLE))
    return None
