"""An A/B on a real store and registry, and on a real server where traffic is split."""

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perennial.deployment import holding
from perennial.deployment.deploy import Deployed, rollback
from perennial.deployment.reconcile import flip
from perennial.errors import EndpointError, RegistryError
from perennial.registry import Registry
from perennial.serving.record import EndpointRecord, Queued, read_record
from tests.deployment.acts import Traffic, age, assert_settled, champion_of, event, go, registered, served_model, tidy
from tests.deployment.answer_log import BEGAN, Log
from tests.small_world import World, server, waited


def record_of(world: World) -> EndpointRecord:
    return read_record(world.objects, "colours")


def start(world: World, version: int = 2, **options: Any) -> Deployed:
    return holding.start(world.task, world.catalog, world.registry, world.settings, version, **options)


def stop(world: World) -> Deployed:
    return holding.stop(world.task, world.catalog, world.registry, world.settings)


def challenger_of(world: World) -> int | None:
    challenger = world.registry.aliased("colours", "challenger")
    return challenger.number if challenger else None


def hold(world: World, queue: tuple[Queued, ...] = (), canary: str | None = None, **ends: object) -> str:
    """Let an A/B with version 2 be under way since October, and return its release."""
    registered(world, 2)
    world.registry.point("colours", "challenger", 2)
    canary = canary or world.release(2)
    held = {"task": "colours", "champion": 1, "challenger": 2, "share": 50, "began": BEGAN, **ends}
    stable = record_of(world).stable
    world.write_record(
        stable=stable, canary=canary, state="shifting", share=50, hold=held, queue=queue, history=[event(canary, "held")]
    )
    return canary


def try_both(world: World, answers: int = 20, right: str = "red") -> None:
    """Note answers of both versions, of which people approved which were right: those of version 2, and no others."""
    log = Log(world.catalog)
    for _ in range(answers):
        log.say("red", log.answer(1, "blue"))
        log.say("red", log.answer(2, right))


def assert_ended(world: World, model: str) -> None:
    """It is over, and nothing of it is left."""
    assert_settled(world, model)
    assert record_of(world).hold is None
    assert challenger_of(world) is None


def test_traffic_is_split_and_promotions_wait_until_it_is_stopped(world: World) -> None:
    first = record_of(world).stable
    registered(world, 2)
    with server(world) as address, Traffic(address.url) as traffic:
        held = start(world, share=30)
        assert (held.outcome, held.version) == ("held", 2)
        assert held.sentence == "Version 2 of colours gets 30 % of the traffic beside version 1, until it is stopped."
        assert champion_of(world) == world.models[0]
        assert challenger_of(world) == 2
        with pytest.raises(EndpointError, match="An A/B is under way on 'colours' already"):
            start(world)
        began = len(traffic.seen) + 1
        waited(lambda: len(traffic.seen), lambda seen: seen > began + 200)
        counts = Counter(release for _, release in traffic.seen[began:])
        assert set(counts) == {first, held.release}
        expected, error = 0.3 * counts.total(), (0.3 * 0.7 * counts.total()) ** 0.5
        assert abs(counts[held.release or ""] - expected) < 3 * error

        waits = go(world, 3, 1)
        assert (waits.outcome, waits.version, waits.release) == ("queued", 3, None)
        assert challenger_of(world) == 3
        assert go(world, 3, 1) == waits
        assert [one.model for one in record_of(world).queue] == [world.models[2]]
        assert tidy(world).sentences == ()
        assert record_of(world).share == 30

        ended = stop(world)
        assert (ended.outcome, ended.version, ended.release) == ("rolled_back", 2, held.release)
        assert ended.reason.startswith("Version 1 goes on: there is too little approved feedback")
        assert_settled(world, world.models[0])
        assert record_of(world).hold is None
        assert challenger_of(world) == 3
        after = len(traffic.seen)
        time.sleep(0.2)
        assert {release for _, release in traffic.seen[after + 1 :]} == {first}
        (said,) = tidy(world).sentences
        assert said == "Version 3 of colours serves."
    assert {status for status, _ in traffic.seen} == {200}
    assert_ended(world, world.models[2])
    assert record_of(world).queue == ()
    assert world.registry.version("colours", 2).tags["perennial.reason"] == ended.reason


def test_the_challenger_that_is_right_more_often_goes_on_once_each_gave_enough_answers(world: World) -> None:
    canary = hold(world, answers=20)
    try_both(world, 19)
    with server(world):
        assert tidy(world).sentences == ()
        assert record_of(world).canary == canary
        try_both(world, 20)
        (said,) = tidy(world).sentences
    assert said.startswith("Version 2 of colours serves: Version 2 goes on: it is right more often")
    assert record_of(world).stable == canary
    assert_ended(world, world.models[1])
    assert world.registry.version("colours", 2).tags["perennial.outcome"] == "promoted"


def test_one_that_is_not_right_more_often_is_taken_away_when_its_time_is_over(world: World) -> None:
    canary = hold(world, until=datetime.now(UTC) - timedelta(seconds=1))
    try_both(world, right="blue")
    (said,) = tidy(world).sentences
    assert said.startswith(
        "Version 2 of colours was taken back: Version 1 goes on: that version 2 is right more often isn't shown"
    )
    assert said.endswith("What served before serves on.")
    assert_ended(world, world.models[0])
    last = record_of(world).last("rolled_back")
    assert last is not None
    assert (last.release, f"{last.reason.rstrip('.')}." in said) == (canary, True)
    assert world.registry.version("colours", 2).tags["perennial.outcome"] == "rolled_back"


def test_before_its_time_nothing_ends_it(world: World) -> None:
    canary = hold(world, until=datetime.now(UTC) + timedelta(hours=1), answers=10_000)
    age(world, 5000)
    assert tidy(world).sentences == ()
    assert record_of(world).canary == canary


def test_a_canary_that_can_not_be_loaded_ends_it(world: World) -> None:
    hold(world, canary="f" * 64)
    (said,) = tidy(world).sentences
    assert said.startswith("Version 2 of colours was taken back: It went away at 50 % of the traffic: The server can't load it")
    assert_ended(world, world.models[0])


class Killed(BaseException):
    """What nothing catches."""


@pytest.mark.parametrize(("right", "served", "outcome"), [("red", 2, "promoted"), ("blue", 1, "rolled_back")])
def test_its_end_is_finished_where_it_was_killed(
    world: World, monkeypatch: pytest.MonkeyPatch, right: str, served: int, outcome: str
) -> None:
    hold(world)
    try_both(world, right=right)

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Registry, "tag", die)
        patch.setattr(Registry, "point", die)
        with pytest.raises(Killed):
            stop(world)
    assert served_model(world, record_of(world).stable) == world.models[served - 1]
    assert champion_of(world) == world.models[0]
    assert go(world, 3, served).outcome == "queued"
    ended, *_ = tidy(world).sentences
    assert ended.startswith(f"Version 2 of colours {'serves' if served == 2 else 'was taken back'}: ")
    assert world.registry.version("colours", 2).tags["perennial.outcome"] == outcome
    assert_ended(world, world.models[2])


def test_a_promotion_that_waited_is_not_made_where_another_champion_serves_by_now(world: World) -> None:
    registered(world, 2)
    registered(world, 3)
    waiting = Queued(task="colours", model=world.models[2], champion=world.models[1], run="run-3")
    world.write_record(stable=record_of(world).stable, queue=[waiting])
    done = tidy(world)
    assert done.superseded == ("colours",)
    (said,) = done.sentences
    assert said.startswith("Version 3 of colours isn't deployed: the champion it was judged against isn't the champion any more")
    assert said.endswith("now it is version 1. Run again to judge it anew.")
    assert record_of(world).queue == ()
    assert_settled(world, world.models[0])


def test_of_a_task_the_newest_promotion_waits(world: World) -> None:
    hold(world, queue=(Queued(task="shades", model="s" * 64, champion=None, run="run-9"),))
    registered(world, 3)
    assert go(world, 2, 1).outcome == "queued"
    assert go(world, 3, 1).outcome == "queued"
    assert [(one.task, one.model) for one in record_of(world).queue] == [("shades", "s" * 64), ("colours", world.models[2])]


def test_while_it_is_under_way_nobody_goes_back(world: World) -> None:
    canary = hold(world)
    with pytest.raises(RegistryError, match="End it first: perennial ab stop colours"):
        rollback(world.task, world.catalog, world.registry, world.settings, 1, "no reason")
    with pytest.raises(EndpointError, match="End the A/B first"):
        flip("colours", world.catalog, world.registry, world.settings, "no reason")
    assert record_of(world).canary == canary


def test_there_is_nothing_to_compare_with_at_first(fresh: World) -> None:
    registered(fresh, 1)
    with pytest.raises(EndpointError, match="Nothing serves 'colours' yet"):
        start(fresh, 1)
    with pytest.raises(EndpointError, match="No A/B is under way for 'colours'"):
        stop(fresh)


def test_what_can_not_be_started_is_told(world: World) -> None:
    with pytest.raises(EndpointError, match="Version 1 is what serves 'colours'"):
        start(world, 1)
    with pytest.raises(RegistryError, match="no version 9"):
        start(world, 9)
    registered(world, 2)
    with pytest.raises(EndpointError, match="No server of this endpoint runs here"):
        start(world)
    assert_ended(world, world.models[0])
