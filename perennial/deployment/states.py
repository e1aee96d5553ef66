"""The state machine of a release: one table, whatever the endpoint runs on.

::

    absent ──stage──► staged ──verify──► verified ──shift──► shifting ──promote──► stable ──► the alias moves
                         │                   │                   │
                         └───────────────────┴───────────────────┴── ReleaseRejected ──► rolled back, with its reason

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
    VERIFIED = "verified"
    SHIFTING = "shifting"
    STABLE = "stable"


class World(Protocol):
    """How the machine sees and changes an endpoint; each act leaves the endpoint in the step's next state."""

    def observe(self) -> State:
        """Return where the release stands."""
        ...

    def stage(self) -> None:
        """Make the release the canary, without traffic."""
        ...

    def verify(self) -> None:
        """Prove the canary by its golden images."""
        ...

    def shift(self) -> None:
        """Begin to give it traffic."""
        ...

    def promote(self) -> None:
        """Raise its share, watch it, and make it stable."""
        ...

    def roll_back(self, reason: str) -> None:
        """Take the canary away; what is stable isn't touched."""
        ...


@dataclass(frozen=True)
class Step:
    """What is done with a release in one state, and the state it is in then."""

    at: State
    act: Callable[[World], None]
    then: State


TABLE = (
    Step(State.ABSENT, lambda world: world.stage(), State.STAGED),
    Step(State.STAGED, lambda world: world.verify(), State.VERIFIED),
    Step(State.VERIFIED, lambda world: world.shift(), State.SHIFTING),
    Step(State.SHIFTING, lambda world: world.promote(), State.STABLE),
)


def advance(world: World, progress: Progress) -> str | None:
    """Bring a release from where it stands to stable; return None, or the reason why it was rolled back."""
    steps = {step.at: (number, step) for number, step in enumerate(TABLE)}
    try:
        while (state := world.observe()) in steps:
            number, step = steps[state]
            progress(number, len(TABLE))
            step.act(world)
    except ReleaseRejected as rejected:
        world.roll_back(str(rejected))
        return str(rejected)
    progress(len(TABLE), len(TABLE))
    return None
