"""One definition for a run, from its beginning to its end."""

from pathlib import Path

import pytest

from perennial.catalog.objects import Objects
from perennial.errors import TaskError
from perennial.operations.definitions import definition_key, of_run, present, settle
from perennial.operations.facts import RunFolder
from perennial.task import save_task, task_text
from tests.operations.test_runs import TASK


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects.open((tmp_path / "store").as_uri())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "tasks"


def run(objects: Objects, name: str) -> RunFolder:
    return RunFolder(objects, "walls", name)


def changed(cls: str) -> str:
    return task_text(TASK.model_copy(update={"classes": ("a", "b", cls)}))


def test_a_run_keeps_the_definition_that_it_began_with(objects: Objects, folder: Path) -> None:
    settle(run(objects, "one"), changed("c"), folder)
    settle(run(objects, "two"), changed("d"), folder)
    assert of_run(run(objects, "one"), folder).classes == ("a", "b", "c")
    assert of_run(run(objects, "two"), folder).classes == ("a", "b", "d")
    assert settle(run(objects, "one"), changed("e"), folder).classes == ("a", "b", "c")


def test_the_newest_given_definition_is_the_present_one(objects: Objects, folder: Path) -> None:
    settle(run(objects, "one"), changed("c"), folder)
    assert present("walls", objects, folder).classes == ("a", "b", "c")
    assert settle(run(objects, "two"), "", folder).classes == ("a", "b", "c")


def test_the_same_definition_is_not_written_again(objects: Objects, folder: Path, tmp_path: Path) -> None:
    """A versioned bucket would keep each."""
    settle(run(objects, "one"), changed("c"), folder)
    written = (tmp_path / "store" / definition_key("walls")).stat()
    settle(run(objects, "two"), changed("c"), folder)
    assert (tmp_path / "store" / definition_key("walls")).stat().st_ino == written.st_ino


def test_a_file_in_the_folder_goes_before_the_store(objects: Objects, folder: Path) -> None:
    settle(run(objects, "one"), changed("c"), folder)
    save_task(TASK, folder / "walls.yaml")
    assert settle(run(objects, "two"), "", folder) == TASK


def test_json_will_do(objects: Objects, folder: Path) -> None:
    assert settle(run(objects, "one"), TASK.model_dump_json(), folder) == TASK


def test_another_tasks_definition_is_refused(objects: Objects, folder: Path) -> None:
    with pytest.raises(TaskError, match="of the task walls, not of roofs"):
        settle(RunFolder(objects, "roofs", "one"), changed("c"), folder)


def test_a_wrong_definition_is_named(objects: Objects, folder: Path) -> None:
    with pytest.raises(TaskError, match=r"The given definition of the task walls: .*'colour' is unknown"):
        settle(run(objects, "one"), changed("c") + "colour: red\n", folder)


def test_a_bundled_task_is_had_without_any(objects: Objects, folder: Path) -> None:
    assert present("demo", objects, folder).name == "demo"
