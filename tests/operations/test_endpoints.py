"""Looking after all endpoints of a store."""

from pathlib import Path

import pytest
import yaml

from perennial.catalog.leases import lease
from perennial.deployment.deploy import silent
from perennial.errors import EndpointError
from perennial.operations.definitions import definition_key
from perennial.operations.endpoints import known_endpoints, reconcile_all
from perennial.operations.facts import RunFolder
from perennial.operations.runs import begin, goes_on
from perennial.serving.record import EndpointRecord, Queued, read_record, record_key
from tests.deployment.acts import age, assert_settled, event, registered
from tests.small_world import World, deployed_template


@pytest.fixture
def world(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world of its own whose first model serves, and whose store knows the task."""
    monkeypatch.chdir(tmp_path)
    world = deployed_template(tmp_path_factory.getbasetemp()).copy(tmp_path / "home")
    world.objects.put(definition_key("colours"), yaml.safe_dump(world.task.model_dump(mode="json")).encode())
    return world


def look_after(world: World, *names: str) -> list[tuple[str, str]]:
    return list(reconcile_all(world.settings, list(names), silent))


def abandon(world: World) -> str:
    """Leave a canary as a run that was killed an hour ago."""
    canary = world.release(2)
    stable = read_record(world.objects, "colours").stable
    world.write_record(stable=stable, canary=canary, state="staged", history=[event(canary, "staged")])
    age(world, 3600)
    return canary


def test_all_are_known_that_ever_had_a_release(world: World) -> None:
    empty = EndpointRecord(endpoint="arches")
    world.objects.put(record_key("arches"), empty.model_dump_json().encode())
    assert known_endpoints(world.objects) == ["arches", "colours"]
    assert look_after(world) == []
    canary = abandon(world)
    ((name, said),) = look_after(world)
    assert (name, canary[:12] in said) == ("colours", True)
    assert_settled(world, world.models[0])


def test_one_that_is_being_deployed_to_is_left_alone(world: World) -> None:
    abandon(world)
    before = read_record(world.objects, "colours")
    with lease(world.objects, "endpoint-colours"):
        assert look_after(world) == [("colours", "colours is being deployed to and was left alone.")]
    assert read_record(world.objects, "colours") == before
    assert len(look_after(world, "colours")) == 1


def test_a_name_that_is_unknown_is_told(world: World) -> None:
    with pytest.raises(EndpointError, match=r"no endpoint 'colour' with a release\. Known here: colours"):
        look_after(world, "colour")


def test_a_promotion_that_came_too_late_is_judged_anew_by_the_tasks_next_run(world: World) -> None:
    registered(world, 2)
    registered(world, 3)
    waiting = Queued(task="colours", model=world.models[2], champion=world.models[1], run="run-3")
    world.write_record(stable=read_record(world.objects, "colours").stable, queue=[waiting])
    ((_, said),) = look_after(world)
    assert "Run again to judge it anew" in said
    run = RunFolder(world.objects, "colours", "two")
    unfinished = begin(run)
    assert unfinished == ("queued",)
    assert goes_on(run, world.task, new_posts=0, unfinished=unfinished)
