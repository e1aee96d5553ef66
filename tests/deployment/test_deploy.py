"""Deployments on a real store, registry and server."""

import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from perennial.catalog.folding import fold
from perennial.deployment.deploy import Deployed, rollback
from perennial.deployment.releases import list_releases
from perennial.errors import RegistryError
from perennial.serving.record import read_record
from tests.deployment.acts import Traffic, assert_settled, champion_of, go
from tests.small_world import World, server


def test_promoted_refused_superseded_and_rolled_back_without_a_lost_request(world: World) -> None:
    assert_settled(world, world.models[0])
    first = read_record(world.objects, "colours").stable
    with server(world) as address, Traffic(address.url) as traffic:
        second = go(world, 2, 1)
        assert (second.outcome, second.version) == ("promoted", 2)
        assert_settled(world, world.models[1])
        assert go(world, 2, 1) == second
        refused = wrong_golden_answer(world)
        late = go(world, 3, 1)
        assert (late.outcome, late.version, late.release) == ("superseded", 3, None)
        assert "now it is version 2" in late.sentence
        back = rollback(world.task, world.catalog, world.registry, world.settings, None, "it looked wrong")
        assert (back.outcome, back.version, back.release) == ("promoted", 1, first)
        assert_settled(world, world.models[0])
        time.sleep(0.3)
    assert {status for status, _ in traffic.seen} == {200}
    releases = [release for _, release in traffic.seen]
    assert set(releases) == {first, second.release}
    assert releases[-1] == first
    assert fold(world.objects, "colours", bytes).predictions == len(traffic.seen)  # golden images aren't among them
    tags = {version.number: version.tags for version in world.registry.versions("colours")}
    assert tags[2]["perennial.outcome"] == "rolled_back"
    assert tags[2]["perennial.reason"] == "it looked wrong"
    assert tags[3]["perennial.reason"] == refused.reason
    story = [(event["models"], event["state"]) for event in list_releases(world.objects, "colours")]
    assert ("colours v2", "stable") in story
    assert ("colours v3", "rolled back") in story
    assert story[-1] == ("colours v2", "rolled back")


def wrong_golden_answer(world: World) -> Deployed:
    """Let the offline answers of a release differ from what its head says."""
    from perennial.deployment import releases

    honest = releases.golden_images

    def wrong(*args: Any) -> Any:
        return [
            image.model_copy(update={"probabilities": {"red": 1 / 3, "green": 1 / 3, "blue": 1 / 3}}) for image in honest(*args)
        ]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(releases, "golden_images", wrong)
        refused = go(world, 3, 2)
    assert refused.outcome == "rolled_back"
    assert "golden image" in refused.reason
    assert "offline it was 0.333" in refused.reason
    assert_settled(world, world.models[1])
    assert world.registry.aliased("colours", "challenger") is None
    return refused


def test_two_deployments_at_once_end_with_one_champion(fresh: World) -> None:
    outcomes: list[str] = []
    threads = [
        threading.Thread(target=lambda number=number: outcomes.append(go(fresh, number, None).outcome)) for number in (1, 2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["promoted", "superseded"]
    assert_settled(fresh, champion_of(fresh) or "")


def test_there_is_nothing_to_go_back_to_at_first(world: World) -> None:
    with pytest.raises(RegistryError, match="no earlier version that served"):
        rollback(world.task, world.catalog, world.registry, world.settings, None, "no reason")
    with pytest.raises(RegistryError, match="no version 9"):
        rollback(world.task, world.catalog, world.registry, world.settings, 9, "no reason")
    assert_settled(world, world.models[0])


def test_a_server_that_can_not_load_the_release_has_it_rolled_back(world: World) -> None:
    backbone = next((world.settings.home / "store/backbones").glob("*/network.bin"))
    backbone.write_bytes(backbone.read_bytes()[:-1])
    refused = go(world, 2, 1)
    assert refused.outcome == "rolled_back"
    assert "can't load it: The backbone" in refused.reason
    assert_settled(world, world.models[0])


KILLED = """
import os, signal, sys
from pathlib import Path
from perennial.catalog.folding import fold
from perennial.catalog.objects import Objects
from tests.small_world import World, settings_in
import tests.deployment.acts as acts
from perennial.task import Task

point, home, document, models = sys.argv[1:]
def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

from perennial.deployment import endpoints, rollout
owner, _, name = point.partition(".")
setattr({"HeldEndpoint": endpoints.HeldEndpoint, "Rollout": rollout.Rollout}[owner], name, die)
world = World(settings_in(Path(home)), Task.model_validate_json(document), tuple(models.split()))
acts.go(world, 2, 1)
"""


@pytest.mark.parametrize(
    "point", ["Rollout.verify", "HeldEndpoint.point", pytest.param("Rollout.promote", marks=pytest.mark.crash)]
)
def test_killed_and_run_again_it_ends_as_if_undisturbed(world: World, point: str) -> None:
    arguments = [point, str(world.settings.home), world.task.model_dump_json(), " ".join(world.models)]
    killed = subprocess.run([sys.executable, "-c", KILLED, *arguments], check=False, capture_output=True, text=True, timeout=200)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    again = go(world, 2, 1)
    assert (again.outcome, again.version) == ("promoted", 2)
    assert_settled(world, world.models[1])


def test_what_a_killed_deployment_left_is_undone_by_another(world: World) -> None:
    first = read_record(world.objects, "colours").stable
    world.write_record(stable=world.release(2), previous=first, fence=1)
    assert go(world, 3, 1).outcome == "promoted"
    assert_settled(world, world.models[2])
    record = read_record(world.objects, "colours")
    assert record.previous == first
    assert [event.reason for event in record.history if event.state == "undone"] == ["its run ended before the alias moved"]
