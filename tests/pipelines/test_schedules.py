"""A task's recurring run, against a server in memory: one in the end, never two that start runs, whatever is killed when."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.errors import ClusterError
from pipelines.api import ACCOUNT
from pipelines.records import Recurring, Run, Version
from pipelines.schedules import Scheduled, Wanted, reconcile, take_away

NAME, EXPERIMENT = "perennial-walls", "e"
V1, V2 = Version("p", "v1", "aaa"), Version("p", "v2", "bbb")


class Killed(BaseException):
    """The process ended here."""


class FakeServer:
    """Recurring runs in memory. After ``lives`` calls that change something the process is killed, before or after the change."""

    def __init__(self) -> None:
        self.kept: dict[str, Recurring] = {}
        self.busy: set[str] = set()
        self.changes = 0
        self.refuse_cron = ""
        self._lives: tuple[int, bool] | None = None
        self._ids = itertools.count()

    def kill_at(self, change: int, *, after: bool) -> None:
        self._lives = (self.changes + change, after)

    def recurring(self, name: str) -> list[Recurring]:
        return [one for one in self.kept.values() if one.name == name]

    def runs(self, experiment: str) -> list[Run]:
        return [Run(f"run-of-{one}", "", "RUNNING", "", None, one, {}) for one in self.busy]

    def create_recurring(
        self, experiment: str, name: str, cron: str, version: Version, params: dict[str, Any], *, enabled: bool
    ) -> None:
        if cron == self.refuse_cron:
            raise ClusterError("refused: Schedule cron is not a supported format.")
        number = next(self._ids)
        when = datetime(2026, 11, 20, tzinfo=UTC) + timedelta(seconds=number)
        made = Recurring(f"id{number}", name, enabled, cron, params, "p", version.id, ACCOUNT, True, experiment, when)
        self._change(lambda: self.kept.update({made.id: made}))

    def enable(self, recurring: str, enabled: bool) -> None:
        self._change(lambda: self.kept.update({recurring: replace(self.kept[recurring], enabled=enabled)}))

    def delete_recurring(self, recurring: str) -> None:
        assert recurring not in self.busy, "this would end the run under way"
        if recurring not in self.kept:
            raise ClusterError("refused: not found.")
        self._change(lambda: self.kept.pop(recurring))

    def _change(self, change: Any) -> None:
        self.changes += 1
        due = self._lives is not None and self._lives[0] <= self.changes
        if due and not (self._lives or (0, False))[1]:
            self._lives = None
            raise Killed
        change()
        assert sum(one.enabled for one in self.kept.values()) <= 1, "two would start runs"
        if due:
            self._lives = None
            raise Killed


def wanted(cron: str = "0 0 */6 * * *", version: Version | None = V1, definition: str = "a: b\n", enabled: bool = True) -> Wanted:
    return Wanted(NAME, EXPERIMENT, cron, version, {"task": "walls", "definition": definition}, enabled)


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


def test_made_once_and_then_left_alone(server: FakeServer) -> None:
    assert reconcile(server, wanted()) == Scheduled("created")
    changes = server.changes
    assert reconcile(server, wanted()) == Scheduled("unchanged")
    assert server.changes == changes


@pytest.mark.parametrize(
    "other", [wanted(cron="0 0 1 * * *"), wanted(version=V2), wanted(definition="a: c\n")], ids=["cron", "version", "task"]
)
def test_whatever_differs_another_one_takes_its_place(server: FakeServer, other: Wanted) -> None:
    reconcile(server, wanted())
    assert reconcile(server, other) == Scheduled("updated")
    (only,) = server.kept.values()
    assert other.fits(only)
    assert only.enabled


def test_paused_and_resumed_it_stays_the_same_one(server: FakeServer) -> None:
    reconcile(server, wanted())
    (first,) = server.kept
    assert reconcile(server, wanted(enabled=False)).state == "paused"
    assert reconcile(server, wanted(enabled=False)).state == "unchanged"
    assert reconcile(server, wanted()).state == "resumed"
    assert list(server.kept) == [first]


def test_an_empty_schedule_pauses_what_there_is_and_makes_nothing(server: FakeServer) -> None:
    empty = wanted(cron="", version=None, enabled=False)
    assert reconcile(server, empty).state == "none"
    reconcile(server, wanted())
    assert reconcile(server, empty).state == "paused"
    (only,) = server.kept.values()
    assert (only.enabled, only.cron) == (False, "0 0 */6 * * *")


def test_a_run_under_way_outlives_the_change_of_its_schedule(server: FakeServer) -> None:
    reconcile(server, wanted())
    (first,) = server.kept
    server.busy.add(first)
    assert reconcile(server, wanted(version=V2)) == Scheduled("updated", (f"run-of-{first}",))
    assert {one.version: one.enabled for one in server.kept.values()} == {"v1": False, "v2": True}
    assert reconcile(server, wanted(version=V2)) == Scheduled("unchanged", (f"run-of-{first}",))
    server.busy.clear()
    assert reconcile(server, wanted(version=V2)) == Scheduled("updated")
    assert len(server.kept) == 1


def test_taken_away_once_its_run_has_ended(server: FakeServer) -> None:
    reconcile(server, wanted())
    (first,) = server.kept
    server.busy.add(first)
    assert take_away(server, NAME, EXPERIMENT).state == "paused"
    assert not server.kept[first].enabled
    server.busy.clear()
    assert take_away(server, NAME, EXPERIMENT).state == "removed"
    assert take_away(server, NAME, EXPERIMENT).state == "none"


def test_a_schedule_that_the_server_refuses_leaves_the_one_before_at_work(server: FakeServer) -> None:
    reconcile(server, wanted())
    server.refuse_cron = "often please"
    with pytest.raises(ClusterError, match="Schedule cron"):
        reconcile(server, wanted(cron="often please"))
    (only,) = server.kept.values()
    assert only.enabled


def test_one_of_two_that_two_processes_made_at_once_goes(server: FakeServer) -> None:
    reconcile(server, wanted())
    server.kept["twin"] = replace(server.kept["id0"], id="twin", created=datetime(2026, 11, 21, tzinfo=UTC))
    assert reconcile(server, wanted()).state == "updated"
    assert list(server.kept) == ["id0"]


STATES = st.builds(
    wanted,
    cron=st.sampled_from(["0 0 1 * * *", "0 0 2 * * *"]),
    version=st.sampled_from([V1, V2]),
    enabled=st.booleans(),
)
KILLS = st.one_of(st.none(), st.tuples(st.integers(1, 5), st.booleans()))


@given(st.lists(st.tuples(STATES, KILLS, st.booleans()), min_size=1, max_size=8))
def test_killed_anywhere_the_next_one_puts_it_right(steps: list[tuple[Wanted, tuple[int, bool] | None, bool]]) -> None:
    server = FakeServer()
    for one, kill, busy in steps:
        if kill:
            server.kill_at(kill[0], after=kill[1])
        server.busy = {next(iter(server.kept))} if busy and server.kept else set()
        try:
            reconcile(server, one)
        except Killed:
            continue
    server.kill_at(10**6, after=True)
    server.busy.clear()
    last = steps[-1][0]
    reconcile(server, last)
    (only,) = server.kept.values()
    assert last.fits(only)
    assert only.enabled == last.enabled
    assert reconcile(server, last).state == "unchanged"
