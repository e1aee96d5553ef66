"""Bringing an endpoint in line, and letting it go back, on a real store and registry."""

import signal
import subprocess
import sys
import time
from itertools import count
from typing import Any

import pytest

from perennial.backbones.embed import embed_missing
from perennial.backbones.engines import Backbone
from perennial.deployment import releases
from perennial.deployment.deploy import deploy
from perennial.deployment.local import LocalWorld
from perennial.deployment.reconcile import ABANDONED_S, flip
from perennial.errors import EndpointError
from perennial.learning.training import update
from perennial.serving.record import EndpointRecord, read_record, record_key
from perennial.serving.releases import ReleaseFile, ServedModel
from tests.deployment.acts import Traffic, age, assert_settled, event, go, served_model, tidy
from tests.small_world import World, add_batch, server

BAKED_S = 3601.0


def record_of(world: World) -> EndpointRecord:
    return read_record(world.objects, "colours")


def go_back(world: World, reason: str = "it looked wrong") -> str:
    return flip("colours", world.catalog, world.registry, world.settings, reason)


def code_of(world: World, release: str | None) -> str:
    return ReleaseFile.model_validate_json(world.objects.get(f"releases/colours/{release}/release.json")).code


def tags_of(world: World, number: int) -> tuple[str | None, str | None]:
    tags = world.registry.version("colours", number).tags
    return tags.get("perennial.outcome"), tags.get("perennial.reason")


def test_where_nothing_is_to_do_nothing_is_said_or_written(second: World) -> None:
    before = second.objects.get(record_key("colours"))
    done = tidy(second)
    assert (done.sentences, done.superseded) == ((), ())
    assert second.objects.get(record_key("colours")) == before


def test_an_endpoint_without_any_release(fresh: World) -> None:
    assert tidy(fresh).sentences == ()
    with pytest.raises(EndpointError, match="has no previous release to go back to"):
        go_back(fresh)


def test_a_canary_that_a_killed_run_left_is_given_its_time_and_then_taken_away(world: World) -> None:
    stable, canary = record_of(world).stable, world.release(2)
    world.write_record(stable=stable, canary=canary, state="shifting", share=10, history=[event(canary, "shifting")])
    age(world, ABANDONED_S - 100)
    assert tidy(world).sentences == ()
    assert record_of(world).canary == canary
    age(world, 101)
    (said,) = tidy(world).sentences
    assert said == f"The canary {canary[:12]} of colours was taken away: its run ended before it was stable."
    assert record_of(world).last("undone") == record_of(world).last()
    assert_settled(world, world.models[0])
    assert tidy(world).sentences == ()


def test_what_served_before_is_scaled_down_once_and_going_back_starts_it(second: World) -> None:
    previous, stable = record_of(second).previous, record_of(second).stable
    age(second, BAKED_S)
    (said,) = tidy(second).sentences
    assert said.startswith(f"The previous release {str(previous)[:12]} of colours is scaled down")
    record = record_of(second)
    assert (record.stable, record.previous, record.retired) == (stable, previous, True)
    assert tidy(second).sentences == ()
    go_back(second)
    record = record_of(second)
    assert (record.stable, record.previous, record.retired) == (previous, stable, False)
    assert tidy(second).sentences == ()  # the one that served before has its time anew


def test_going_back_moves_the_record_the_server_and_the_alias_without_a_lost_request(second: World) -> None:
    first = record_of(second).previous
    with server(second) as address, Traffic(address.url) as traffic:
        assert go_back(second) == "colours serves colours v1 again: it looked wrong."
        after = len(traffic.seen)
        time.sleep(0.3)
        assert {release for _, release in traffic.seen[after + 1 :]} == {first}
    assert {status for status, _ in traffic.seen} == {200}
    assert_settled(second, second.models[0])
    last = record_of(second).last()
    assert last is not None
    assert (last.release, last.state, last.run, last.reason) == (first, "flipped", "by hand", "it looked wrong")
    assert tags_of(second, 2) == ("rolled_back", "it looked wrong")
    assert tags_of(second, 1)[0] == "promoted"
    assert tidy(second).sentences == ()


def test_and_forth_again(second: World) -> None:
    go_back(second)
    assert go_back(second, "it was fine") == "colours serves colours v2 again: it was fine."
    assert_settled(second, second.models[1])


def test_all_tasks_of_an_endpoint_go_back(second: World) -> None:
    """The record's releases differ in two tasks, as after two promotions of which the first wasn't kept."""
    backbone = second.registry.version("colours", 1).backbone
    task = second.task.model_copy(update={"name": "shades", "endpoint": "colours"})
    both: list[ServedModel] = []
    for number in (1, 2):
        images = add_batch(second.catalog, "shades", 90 + number)
        embed_missing(second.catalog, Backbone.load(second.objects, backbone, 1), images)
        trained = update(task, second.catalog, backbone, both[-1].model if both else None)
        assert trained is not None
        second.registry.register(
            "shades", trained.digest, f"{second.objects.url}/models/shades/{trained.digest}", run_id="run", backbone=backbone
        )
        both.append(ServedModel(model=trained.digest, version=number, backbone=backbone))
    second.registry.point("shades", "champion", 2)
    colours = [ServedModel(model=second.models[at], version=at + 1, backbone=backbone) for at in (0, 1)]
    previous, stable = (
        releases.build_release(second.catalog, "colours", {"colours": colours[at], "shades": both[at]}, 1) for at in (0, 1)
    )
    second.write_record(stable=stable, previous=previous, fence=1, history=[event(stable, "stable")])
    assert go_back(second) == "colours serves colours v1, shades v1 again: it looked wrong."
    assert_settled(second, second.models[0])
    shades = second.registry.champion("shades")
    assert shades is not None
    assert shades.number == 1
    assert second.registry.version("shades", 2).tags["perennial.reason"] == "it looked wrong"


KILLED = """
import os, signal, sys
from pathlib import Path
from perennial.deployment.endpoints import HeldEndpoint
from perennial.task import Task
from tests.deployment.test_reconcile import go_back
from tests.small_world import World, settings_in

home, document, models = sys.argv[1:]
HeldEndpoint._follow = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
go_back(World(settings_in(Path(home)), Task.model_validate_json(document), tuple(models.split())))
"""


def test_a_way_back_that_was_killed_before_the_alias_moved_is_finished(second: World) -> None:
    arguments = [str(second.settings.home), second.task.model_dump_json(), " ".join(second.models)]
    killed = subprocess.run([sys.executable, "-c", KILLED, *arguments], check=False, capture_output=True, text=True, timeout=200)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert served_model(second, record_of(second).stable) == second.models[0]
    champion = second.registry.champion("colours")
    assert champion is not None
    assert champion.number == 2
    tidy(second)
    assert_settled(second, second.models[0])
    assert tags_of(second, 2) == ("rolled_back", "it looked wrong")
    assert tidy(second).sentences == ()


def test_without_a_previous_release_there_is_nothing_to_go_back_to(world: World) -> None:
    with pytest.raises(EndpointError, match=r"no previous release to go back to\..* 'perennial rollback TASK VERSION'"):
        go_back(world)
    assert_settled(world, world.models[0])


def test_a_canary_has_the_place_of_the_previous_release(world: World) -> None:
    world.write_record(stable=record_of(world).stable, canary=world.release(2), state="staged")
    with pytest.raises(EndpointError, match="A canary is under way on the endpoint 'colours'"):
        go_back(world)


def test_new_code_is_released_as_any_change_is(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first = record_of(world).stable
    monkeypatch.setattr(LocalWorld, "code", "99.0")
    assert tidy(world).sentences == ("colours runs the server's new code 99.0.",)
    record = record_of(world)
    assert (code_of(world, record.stable), record.previous) == ("99.0", first)
    states = [event.state for event in record.history if event.release == record.stable]
    assert states == ["staged", "ready", "verified", "shifting", "shifted", "stable"]
    assert_settled(world, world.models[0])
    assert tidy(world).sentences == ()
    assert go_back(world) == "colours serves colours v1 again: it looked wrong."
    assert record_of(world).stable == first
    (said,) = tidy(world).sentences
    assert said == "colours stays on its server's code: 99.0 was taken back: it looked wrong."
    age(world, BAKED_S)
    assert len(tidy(world).sentences) == 2
    assert record_of(world).stable == first


def test_new_code_whose_canary_a_killed_reconciliation_left_is_taken_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first, calls = record_of(world).stable, count(1)

    def killed(self: LocalWorld, record: EndpointRecord) -> None:
        if record.share and next(calls) == 1:
            raise KeyboardInterrupt
        honest(self, record)

    honest = LocalWorld.apply
    monkeypatch.setattr(LocalWorld, "code", "99.0")
    monkeypatch.setattr(LocalWorld, "apply", killed)
    with pytest.raises(KeyboardInterrupt):
        tidy(world)
    left = record_of(world)
    assert (left.stable, left.state) == (first, "shifting")
    assert code_of(world, left.canary) == "99.0"
    assert tidy(world).sentences == ("colours runs the server's new code 99.0.",)
    assert record_of(world).stable == left.canary
    assert_settled(world, world.models[0])


def test_new_code_that_was_taken_back_is_not_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first, honest = record_of(world).stable, releases.golden_images

    def wrong(*args: Any) -> Any:
        return [image.model_copy(update={"probabilities": {"red": 0.1, "green": 0.1, "blue": 0.8}}) for image in honest(*args)]

    monkeypatch.setattr(LocalWorld, "code", "99.0")
    monkeypatch.setattr(releases, "golden_images", wrong)
    (said,) = tidy(world).sentences
    assert said.startswith("The server's new code 99.0 was taken back: The golden image")
    assert said.endswith("What served before serves on.")
    before = record_of(world)
    assert before.stable == first
    (said,) = tidy(world).sentences
    assert said.startswith("colours stays on its server's code: 99.0 was taken back: The golden image")
    assert record_of(world) == before
    monkeypatch.setattr(releases, "golden_images", honest)
    assert go(world, 2, 1).outcome == "promoted"
    assert code_of(world, record_of(world).stable) == "99.0"


def test_new_code_waits_where_a_promotion_was_killed_before_the_alias_moved(
    second: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    second.registry.point("colours", "champion", 1)
    age(second, BAKED_S)
    assert record_of(second).stable != record_of(second).previous
    monkeypatch.setattr(LocalWorld, "code", "99.0")
    retired, waits = tidy(second).sentences
    assert "scaled down" in retired
    assert waits.startswith("colours waits with its server's new code for the next run of colours")
    assert go(second, 3, 1).outcome == "promoted"
    record = record_of(second)
    assert (code_of(second, record.stable), record.retired) == ("99.0", False)
    assert "its run ended before the alias moved" in [event.reason for event in record.history]
    assert_settled(second, second.models[2])


def test_a_task_that_went_with_the_way_back_comes_again_by_its_own_run(world: World) -> None:
    first = record_of(world)
    shades = world.task.model_copy(update={"name": "shades", "endpoint": "colours"})
    backbone = world.registry.version("colours", 1).backbone
    models: list[str] = []
    for batch in (91, 92):
        images = add_batch(world.catalog, "shades", batch)
        embed_missing(world.catalog, Backbone.load(world.objects, backbone, 1), images)
        trained = update(shades, world.catalog, backbone, models[-1] if models else None)
        assert trained is not None
        models.append(trained.digest)

    def learn(number: int, champion: str | None) -> str:
        model = models[number - 1]
        return deploy(shades, world.catalog, world.registry, world.settings, model, champion, run_id=f"shades-{number}").outcome

    assert learn(1, None) == "promoted"
    assert go_back(world) == "colours serves colours v1 again: it looked wrong."
    assert record_of(world).stable == first.stable
    assert learn(2, models[0]) == "promoted"
    record = record_of(world)
    assert record.last("undone") is None
    assert record.previous == first.stable
    assert_settled(world, world.models[0])


def test_another_deployment_takes_over_what_was_killed_on_the_way_back(second: World) -> None:
    """The record went back, the alias didn't: the next deployment is judged against what serves."""
    record = record_of(second)
    flipped = event(str(record.previous), "flipped", "it looked wrong")
    second.write_record(stable=record.previous, previous=record.stable, fence=9, history=[flipped])
    late = deploy(
        second.task, second.catalog, second.registry, second.settings, second.models[2], second.models[1], run_id="run-3"
    )
    assert (late.outcome, late.version) == ("superseded", 3)
    assert_settled(second, second.models[0])
