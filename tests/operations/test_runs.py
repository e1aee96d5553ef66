"""Whether there is work: new images, an unfinished run, or a changed task; else a run ends after scraping."""

from pathlib import Path
from typing import NoReturn

import pytest

from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.errors import RegistryUnavailable, StepFailed
from perennial.operations.runs import RunFolder, begin, conclude, goes_on, task_digest
from perennial.task import Task

TASK = Task.model_validate(
    {"name": "walls", "classes": ["a", "b"], "label": {"rule": "folder"}, "sources": [{"type": "folder", "path": "/nowhere"}]}
)


class Runs:
    """Runs of one task after another; each is told whether something new was found."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._count = 0

    def __call__(self, task: Task = TASK, *, new_posts: int = 0, killed: bool = False) -> bool:
        self._count += 1
        run = RunFolder(self._objects, "walls", f"run-{self._count}")
        unfinished = begin(run)
        return False if killed else goes_on(run, task, new_posts=new_posts, unfinished=unfinished)


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects.open(tmp_path.as_uri())


@pytest.fixture
def settled(objects: Objects) -> Runs:
    """Return runs of a task whose file is known and of which nothing is open."""
    runs = Runs(objects)
    runs()
    state = objects.get_json("runs/walls/state.json")
    assert state["task"] == ""
    objects.put_json("runs/walls/state.json", {"open": [], "task": task_digest(TASK)})
    return runs


def test_nothing_new_ends(settled: Runs) -> None:
    assert settled() is False
    assert settled() is False


def test_new_posts_go_on(settled: Runs) -> None:
    assert settled(new_posts=1) is True


def test_a_killed_run_is_gone_on_with(settled: Runs) -> None:
    settled(killed=True)
    assert settled() is True


def test_a_second_attempt_of_a_run_goes_on(settled: Runs, objects: Objects) -> None:
    """The first one may have taken images in before it was killed; the second finds nothing new."""
    run = RunFolder(objects, "walls", "twice")
    begin(run)
    assert goes_on(run, TASK, new_posts=0, unfinished=begin(run)) is True


def test_a_changed_gate_goes_on_but_a_changed_schedule_does_not(settled: Runs) -> None:
    assert settled(TASK.model_copy(update={"schedule": "0 0 0 * * *"})) is False
    assert settled(TASK.model_copy(update={"classes": ("a", "b", "c")})) is True


def test_where_mlflow_is_away_the_outcome_is_kept_and_the_run_stays_open(objects: Objects) -> None:
    def away() -> NoReturn:
        raise RegistryUnavailable("MLflow doesn't answer.")

    run = RunFolder(objects, "walls", "one")
    begin(run)
    run.fail("scrape", "The site is away.")
    with pytest.raises(RegistryUnavailable):
        conclude(run, lambda: TASK, lambda: Catalog.open(objects), away)
    assert run.read("outcome") == {"outcome": "failed", "sentence": "scrape: The site is away."}
    assert begin(RunFolder(objects, "walls", "two")) == ("one",)


def test_a_step_without_facts_is_said(objects: Objects) -> None:
    with pytest.raises(StepFailed, match="step train of run one"):
        RunFolder(objects, "walls", "one").read("train")
