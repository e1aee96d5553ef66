"""The gate or an operator asks for fine-tuning: the next run goes on, and the run that did it settles the request."""

from pathlib import Path

import pytest

from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.errors import TaskError
from perennial.learning.tuned import request_for, wanted
from perennial.operations.finetuning import ask
from perennial.operations.runs import RunFolder, begin, conclude, goes_on
from perennial.registry import Registry
from perennial.task import FinetuneSpec, Task
from tests.learning.drawn import task

ASKED = task(finetune=FinetuneSpec(when="asked"))


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects.open((tmp_path / "store").as_uri())


def concluded(objects: Objects, run: RunFolder, path: Path, verdict: str = "") -> None:
    """End a run that was started: with nothing to learn, or with a verdict."""
    run.write("train", {"sentence": "done", "challenger": "c" * 64 if verdict else None, "champion": None, "batches": []})
    if verdict:
        run.write("gate", {"sentence": "judged", "verdict": {"outcome": verdict, "batches": []}})
    conclude(run, lambda: ASKED, lambda: Catalog.open(objects), lambda: Registry(f"sqlite:///{path / 'mlflow.db'}"))


def started(objects: Objects, name: str, new_posts: int = 0) -> tuple[RunFolder, bool]:
    run = RunFolder(objects, "drawn", name)
    unfinished = begin(run)
    go = goes_on(run, ASKED, new_posts=new_posts, unfinished=unfinished)
    run.write("scrape", {"sentence": "", "go": go, "unfinished": unfinished})
    return run, go


def tune(run: RunFolder) -> None:
    request = request_for("drawn", run.objects)
    run.write("finetune", {"sentence": "", "request": request["id"] if request else None})


def test_a_request_makes_the_next_run_go_on_until_one_has_fulfilled_it(objects: Objects, tmp_path: Path) -> None:
    concluded(objects, started(objects, "run-1", new_posts=9)[0], tmp_path)
    assert not started(objects, "run-2")[1]

    ask(ASKED, objects, "a test")
    ask(ASKED, objects, "a test, again")
    third, go = started(objects, "run-3")
    assert go
    assert wanted(ASKED, objects)
    tune(third)
    concluded(objects, third, tmp_path)

    assert not wanted(ASKED, objects)
    assert not started(objects, "run-4")[1]


def test_a_request_that_comes_after_the_tuning_stays(objects: Objects, tmp_path: Path) -> None:
    run, _ = started(objects, "run-1", new_posts=9)
    tune(run)
    ask(ASKED, objects, "meanwhile")
    concluded(objects, run, tmp_path)
    assert wanted(ASKED, objects)
    assert started(objects, "run-2")[1]


@pytest.mark.parametrize(("verdict", "again"), [("refuse", False), ("hold", True)])
def test_what_a_held_batch_had_a_part_in_is_done_again(objects: Objects, tmp_path: Path, verdict: str, again: bool) -> None:
    ask(ASKED, objects, "a test")
    run, _ = started(objects, "run-1", new_posts=9)
    tune(run)
    concluded(objects, run, tmp_path, verdict)
    assert wanted(ASKED, objects) is again
    assert started(objects, "run-2")[1] is again


def test_a_task_that_never_fine_tunes_says_so(objects: Objects) -> None:
    never: Task = task()
    with pytest.raises(TaskError, match=r"Set finetune\.when to asked"):
        ask(never, objects, "a test")
