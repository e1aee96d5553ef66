"""The commands about what endpoints serve, where one model serves and one served before."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from perennial.cli import app
from perennial.errors import EndpointError
from perennial.serving.record import read_record
from perennial.task import save_task
from tests.deployment.acts import age, assert_settled, event
from tests.small_world import World, deployed_template

Run = Callable[..., Any]


@pytest.fixture
def world(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world whose first model serves and, by the record, its second one served before; commands find it."""
    world = deployed_template(tmp_path_factory.getbasetemp()).copy(tmp_path / "home")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PERENNIAL_HOME", str(world.settings.home))
    save_task(world.task, tmp_path / "tasks" / "colours.yaml")
    world.objects.put("runs/colours/state.json", b'{"open": [], "task": ""}')
    stable, previous = read_record(world.objects, "colours").stable or "", world.release(2)
    world.write_record(
        stable=stable, previous=previous, history=[event(previous, "stable"), event(stable, "flipped", "it looked wrong")]
    )
    return world


@pytest.fixture
def run(world: World) -> Run:
    """Run a command; mistakes are raised."""

    def command(*arguments: str) -> Any:
        ended = CliRunner().invoke(app, arguments)
        if isinstance(ended.exception, Exception):
            raise ended.exception
        return ended

    return command


def test_releases_are_listed_with_what_became_of_them(world: World, run: Run) -> None:
    told = json.loads(run("releases", "colours", "--json").stdout)
    assert told == json.loads(run("releases", "--json").stdout)
    assert [(one["endpoint"], one["models"], one["role"], one["state"], one["reason"]) for one in told] == [
        ("colours", "colours v2", "previous", "stable", ""),
        ("colours", "colours v1", "stable", "flipped", "it looked wrong"),
    ]
    lines = run("releases").stdout.splitlines()
    assert len(lines) == 3
    assert "it looked wrong" in lines[2]


def test_nothing_to_do(run: Run) -> None:
    ended = run("reconcile")
    assert (ended.exit_code, ended.stdout, ended.stderr.splitlines()[-1]) == (0, "", "Nothing to do.")
    assert json.loads(run("reconcile", "--json").stdout) == []


def test_what_was_done_is_said(world: World, run: Run) -> None:
    age(world, 4000)
    (told,) = json.loads(run("reconcile", "--endpoint", "colours", "--json").stdout)
    assert told["endpoint"] == "colours"
    assert told["sentence"].endswith("is scaled down; going back to it starts it again.")
    assert read_record(world.objects, "colours").retired


def test_an_endpoint_that_is_unknown(run: Run) -> None:
    with pytest.raises(EndpointError, match="no endpoint 'colour' with a release"):
        run("reconcile", "--endpoint", "colour")


@pytest.mark.parametrize("arguments", [[], ["colours", "--endpoint", "colours"]])
def test_either_a_task_or_an_endpoint_goes_back(run: Run, arguments: list[str]) -> None:
    with pytest.raises(EndpointError, match="Say what to roll back"):
        run("rollback", *arguments)


def test_all_of_an_endpoint_goes_back(world: World, run: Run) -> None:
    digest = world.models[1]
    backbone = world.registry.version("colours", 1).backbone
    source = f"{world.objects.url}/models/colours/{digest}"
    world.registry.register("colours", digest, source, run_id="run-2", backbone=backbone)
    told = json.loads(run("rollback", "--endpoint", "colours", "--reason", "too slow", "--json").stdout)
    assert told == {"endpoint": "colours", "outcome": "flipped", "sentence": "colours serves colours v2 again: too slow."}
    assert_settled(world, digest)


def test_without_a_previous_release_it_says_so(world: World, run: Run) -> None:
    world.write_record(stable=read_record(world.objects, "colours").stable)
    with pytest.raises(EndpointError, match="no previous release to go back to"):
        run("rollback", "--endpoint", "colours")
