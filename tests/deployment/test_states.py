"""The state machine alone, over an endpoint that is a list of what was done."""

import pytest

from perennial.deployment.states import TABLE, State, advance
from perennial.errors import LeaseLost, ReleaseRejected


class Fake:
    """An endpoint that notes what is done to it, and refuses one act."""

    def __init__(self, state: State, error: Exception | None = None, at: str = "") -> None:
        self.state = state
        self.done: list[str] = []
        self._error = error
        self._at = at

    def observe(self) -> State:
        return self.state

    def stage(self) -> None:
        self._act("stage", State.STAGED)

    def await_ready(self) -> None:
        self._act("await_ready", State.READY)

    def verify(self) -> None:
        self._act("verify", State.VERIFIED)

    def shift(self) -> None:
        self._act("shift", State.SHIFTING)

    def watch(self) -> None:
        self._act("watch", State.SHIFTED)

    def promote(self) -> None:
        self._act("promote", State.STABLE)

    def roll_back(self, reason: str) -> None:
        self.done.append(f"roll back: {reason}")
        self.state = State.ABSENT

    def _act(self, name: str, then: State) -> None:
        if self._error and self._at == name:
            raise self._error
        self.done.append(name)
        self.state = then


ACTS = ["stage", "await_ready", "verify", "shift", "watch", "promote"]


@pytest.mark.parametrize("start", range(7))
def test_it_goes_on_from_wherever_it_stands(start: int) -> None:
    world = Fake(list(State)[start])
    assert advance(world, lambda done, total: None) is None
    assert world.done == ACTS[start:]


@pytest.mark.parametrize("at", ACTS)
def test_a_rejected_release_is_rolled_back_with_its_reason(at: str) -> None:
    world = Fake(State.ABSENT, ReleaseRejected("it erred"), at)
    assert advance(world, lambda done, total: None) == "it erred"
    assert world.done == [*ACTS[: ACTS.index(at)], "roll back: it erred"]


def test_a_lost_lease_changes_nothing_more() -> None:
    world = Fake(State.ABSENT, LeaseLost("taken over"), "shift")
    with pytest.raises(LeaseLost):
        advance(world, lambda done, total: None)
    assert world.done == ["stage", "await_ready", "verify"]


def test_it_stops_where_it_is_told_to() -> None:
    world = Fake(State.ABSENT)
    assert advance(world, lambda done, total: None, until=State.SHIFTING) is None
    assert world.done == ["stage", "await_ready", "verify", "shift"]


def test_every_state_but_the_last_is_left_by_one_step() -> None:
    assert [step.at for step in TABLE] == list(State)[:-1]
    assert [step.then for step in TABLE] == list(State)[1:]
