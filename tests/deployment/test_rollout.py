"""One release's way to all of the traffic, in a world that does at once what the record says, and that tests put faults into."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from perennial.catalog.leases import lease
from perennial.catalog.objects import Objects
from perennial.deployment.book import Book
from perennial.deployment.figures import Figures
from perennial.deployment.rollout import Rollout, Samples, no_samples
from perennial.deployment.states import advance
from perennial.deployment.world import ByHand, Seen
from perennial.errors import EndpointError
from perennial.serving.record import EndpointRecord
from perennial.task import ReleaseSpec

NEW, OLD, OLDER = "c" * 64, "b" * 64, "a" * 64
FAST = (0, 20, 0, 0, 0)
FINE = Figures(requests=20, images=20, latency=FAST)
RULES = ReleaseSpec(watch_s=0)


@dataclass
class Machine:
    """An endpoint whose releases count the same figures at each look, and stand in their last ``looks`` from then on."""

    obstacle: str = ""
    asked: bool = True
    looks: list[Seen] = field(default_factory=lambda: [Seen(ready=True)])
    figures: dict[str, Figures] = field(default_factory=lambda: {NEW: FINE, OLD: FINE})
    hand: ByHand | None = None
    names: dict[str, str] = field(default_factory=lambda: {NEW: "red", OLD: "red"})
    told: list[tuple[str, bool]] = field(default_factory=list)
    applied: list[EndpointRecord] = field(default_factory=list)
    counted: dict[str, Figures] = field(default_factory=dict)
    watched: list[int] = field(default_factory=list)
    poll_s: float = 0.0
    quiet_s: float = math.inf
    code: str = "code"
    bounds: tuple[float, ...] = (0.01, 0.05, 0.5, 5.0)

    def apply(self, record: EndpointRecord) -> None:
        self.applied.append(record)

    def look(self, release: str) -> Seen:
        if release != NEW:
            return Seen(ready=True)
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def counts(self, release: str) -> Mapping[str, Figures]:
        share = self.applied[-1].share
        if release == NEW and self.watched[-1:] != [share]:
            self.watched.append(share)
        self.counted[release] = self.counted.get(release, Figures()) + self.figures[release]
        return {"server": self.counted[release]}

    def ask(self, release: str, task: str, jpeg: bytes) -> dict[str, Any]:
        if jpeg == b"odd":
            raise EndpointError(f"no model '{task}'")
        return {"class": self.names[release], "release": release}

    def by_hand(self) -> ByHand | None:
        return self.hand

    def tell(self, release: str, what: str, sentence: str, *, bad: bool = False) -> None:
        self.told.append((sentence, bad))


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    objects = Objects.open((tmp_path / "store").as_uri())
    with lease(objects, "endpoint-colours") as held:
        yield Book(objects, "colours", held, "run")


def canary(book: Book, **changed: object) -> None:
    """Let the release stand as a canary whose golden images were right, beside what serves."""
    record = {"stable": OLD, "canary": NEW, "state": "verified", **changed}
    book.change(lambda _: EndpointRecord.model_validate({"endpoint": "colours", **record}))


def go(book: Book, machine: Machine, rules: ReleaseSpec = RULES, samples: Samples = no_samples) -> str | None:
    return advance(Rollout(book, machine, NEW, rules, samples), lambda done, total: None)


def refused(book: Book, machine: Machine, rules: ReleaseSpec = RULES, samples: Samples = no_samples) -> str:
    """Let it be taken back, and return why; what serves isn't touched."""
    reason = go(book, machine, rules, samples)
    assert reason is not None
    record = book.read()
    assert (record.stable, record.canary, record.state, record.share) == (OLD, None, None, 0)
    assert [(event.release, event.state, event.reason) for event in record.history[-1:]] == [(NEW, "rolled_back", reason)]
    assert machine.applied[-1] == record
    assert machine.told == [(reason, True)]
    return reason


def test_it_gets_its_shares_in_order_and_then_all(book: Book) -> None:
    canary(book)
    machine = Machine()
    assert go(book, machine) is None
    assert machine.watched == [10, 50]
    assert [record.share for record in machine.applied if record.canary] == [10, 10, 50, 50]
    record = book.read()
    assert (record.stable, record.previous, record.canary, record.state, record.share) == (NEW, OLD, None, None, 0)
    assert [event.state for event in record.history] == ["shifting", "shifted", "stable"]
    assert machine.applied[-1] == record
    assert machine.told == [("It gets all of the traffic.", False)]


@pytest.mark.parametrize(("share", "watched"), [(10, [10, 50]), (30, [50]), (50, [50]), (80, [])])
def test_a_killed_one_goes_on_at_its_share(book: Book, share: int, watched: list[int]) -> None:
    canary(book, state="shifting", share=share)
    machine = Machine()
    assert go(book, machine) is None
    assert machine.watched == watched
    assert all(record.share >= share for record in machine.applied if record.canary)


def test_the_previous_release_makes_room_for_it(book: Book) -> None:
    canary(book, canary=None, state=None, previous=OLDER, retired=True)
    machine = Machine()
    Rollout(book, machine, NEW, RULES).stage()
    assert machine.applied == [book.read()]
    assert (machine.applied[0].roles, machine.applied[0].retired) == ({OLD: "stable", NEW: "canary"}, False)


def test_another_canary_makes_room_for_it(book: Book) -> None:
    canary(book, canary=OLDER)
    Rollout(book, Machine(), NEW, RULES).stage()
    undone, staged = book.read().history
    assert (undone.release, undone.state, undone.reason) == (OLDER, "undone", "its run ended before it was stable")
    assert (staged.release, staged.state) == (NEW, "staged")


def test_a_canary_beside_what_is_to_serve_and_does_goes(book: Book) -> None:
    canary(book, stable=NEW, canary=OLDER, share=10)
    assert go(book, Machine()) is None
    record = book.read()
    assert (record.stable, record.canary, record.share) == (NEW, None, 0)


def test_it_is_waited_for(book: Book) -> None:
    canary(book, state="staged")
    machine = Machine(looks=[Seen(ready=False), Seen(ready=False, trouble="it pulls its image"), Seen(ready=True)])
    Rollout(book, machine, NEW, RULES).await_ready()
    assert book.read().state == "ready"


def test_not_ready_in_time(book: Book) -> None:
    canary(book, state="staged")
    soon = ReleaseSpec(ready_s=0.01)
    assert refused(book, Machine(looks=[Seen(ready=False)]), soon) == "It wasn't ready within 0.01 s"
    canary(book, state="staged")
    waits = Machine(looks=[Seen(ready=False, trouble="Its server waits for a node: none has memory")])
    assert refused(book, waits, soon) == "It wasn't ready within 0.01 s: Its server waits for a node: none has memory"


def test_what_waiting_does_not_mend_is_not_waited_for(book: Book) -> None:
    canary(book, state="staged")
    machine = Machine(looks=[Seen(ready=False), Seen(ready=False, trouble="Its server can't load it", final=True)])
    assert refused(book, machine) == "Its server can't load it"


@pytest.mark.parametrize(
    ("figures", "reason"),
    [
        (Figures(requests=100, errors=60), "It failed 60 of 100 requests, the stable release 0 of 20"),
        (Figures(requests=20, latency=(0, 0, 0, 0, 20)), "It took more than 5 s for 95 of 100 requests"),
        (
            Figures(requests=20, latency=(0, 0, 0, 20, 0)),
            "It took up to 5 s for 95 of 100 requests, the stable release up to 0.05 s",
        ),
        (Figures(requests=20, images=40, unfamiliar=40), "It finds 40 of 40 pictures unfamiliar, the stable release 0 of 20"),
    ],
)
def test_what_it_does_worse_while_it_is_watched(book: Book, figures: Figures, reason: str) -> None:
    canary(book)
    machine = Machine(figures={NEW: figures, OLD: FINE})
    said = refused(book, machine, ReleaseSpec(watch_s=0, max_p95_s=10 if "0.05" in reason else 2))
    assert said.startswith(reason)
    assert machine.watched == [10]


def test_what_it_did_before_it_was_watched_does_not_count(book: Book) -> None:
    canary(book)
    machine = Machine(counted={NEW: Figures(requests=1000, errors=1000)})
    assert go(book, machine) is None


@pytest.mark.parametrize(
    ("then", "reason"),
    [
        (Seen(ready=False, trouble="Its server was killed"), "It went away at 10 % of the traffic: Its server was killed"),
        (Seen(ready=False), "It went away at 10 % of the traffic: its server ended"),
        (Seen(ready=True, restarts=3), "It went away at 10 % of the traffic: its server ended"),
    ],
)
def test_it_goes_away_while_it_is_watched(book: Book, then: Seen, reason: str) -> None:
    canary(book)
    assert refused(book, Machine(looks=[Seen(ready=True, restarts=2), then])) == reason


def test_an_operator_takes_its_traffic_away(book: Book) -> None:
    canary(book)
    assert refused(book, Machine(hand=ByHand("ana", {OLD: 100}))) == "ana took its traffic away"


def test_an_operator_who_leaves_it_traffic_lets_it_go_on(book: Book) -> None:
    canary(book)
    assert go(book, Machine(hand=ByHand("ana", {OLD: 70, NEW: 30}))) is None


def test_it_names_recent_images_otherwise(book: Book) -> None:
    canary(book)
    machine = Machine(names={NEW: "blue", OLD: "red"})
    said = refused(book, machine, samples=lambda: {"colours": [b"one"] * 20 + [b"odd"] * 4})
    assert said.startswith("It names 20 of 20 images otherwise than the stable release")
    assert machine.watched == []


def test_what_one_of_them_can_not_answer_is_not_compared(book: Book) -> None:
    canary(book)
    assert go(book, Machine(names={NEW: "blue", OLD: "red"}), samples=lambda: {"colours": [b"odd"] * 24}) is None


@pytest.mark.parametrize(("stable", "asked"), [(None, True), (OLD, False)])
def test_without_anything_beside_it_or_anybody_who_asks_it_is_not_watched(book: Book, stable: str | None, asked: bool) -> None:
    canary(book, stable=stable)
    machine = Machine(asked=asked, figures={NEW: Figures(requests=100, errors=100), OLD: FINE})
    assert go(book, machine) is None
    assert machine.watched == []
    assert book.read().stable == NEW


def test_where_traffic_can_not_be_split_it_gets_all_at_once_and_the_history_says_why(book: Book) -> None:
    canary(book)
    machine = Machine(obstacle="No gateway.", figures={NEW: Figures(requests=100, errors=100), OLD: FINE})
    assert go(book, machine) is None
    assert machine.watched == []
    assert {record.share for record in machine.applied} == {0}
    record = book.read()
    assert record.stable == NEW
    assert [(event.state, event.reason) for event in record.history][:1] == [("shifting", "No gateway.")]
