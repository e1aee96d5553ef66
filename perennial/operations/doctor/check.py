"""One thing that was checked."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from perennial.errors import PerennialError

PROBE = "doctor/written"
"""Key of the object by which a store's being writable is tried."""

State = Literal["ok", "missing", "wrong", "not asked"]


@dataclass(frozen=True)
class Check:
    """What was checked, its state, and a sentence that says what to do where it isn't ok."""

    what: str
    state: State
    sentence: str

    @property
    def bad(self) -> bool:
        """Whether something has to be done."""
        return self.state in ("missing", "wrong")


def guarded(what: str, examine: Callable[[], Iterable[Check]]) -> list[Check]:
    """Return what an examination finds; one that can't be made is itself wrong."""
    try:
        return list(examine())
    except PerennialError as error:
        return [Check(what, "wrong", str(error))]
