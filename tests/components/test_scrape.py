"""The pod that looks for what is new."""

from pathlib import Path

import pytest

from components.steps.scrape import scrape
from perennial.operations.runs import task_digest
from perennial.sources.label import label
from perennial.task import FolderSource, Task, save_task
from tests.small_world import World
from tests.sources.shelf import drawn


@pytest.mark.parametrize("order", [("one", "two"), ("two", "one")])
def test_images_that_another_task_took_in_are_new_to_this_one(world: World, tmp_path: Path, order: tuple[str, str]) -> None:
    pictures = tmp_path / "pictures"
    for cls in ("red", "blue"):
        (pictures / cls).mkdir(parents=True)
        (pictures / cls / "1.jpg").write_bytes(drawn(cls))
    tasks = {name: shared(world.task, name, pictures, tmp_path / "tasks") for name in order}
    for name, task in tasks.items():
        scrape(name, "first", "")
        label(task, world.catalog)
        world.objects.put_json(f"runs/{name}/state.json", {"open": [], "task": task_digest(task)})
        assert scrape(name, "nothing-new", "")["go"] is False
    (pictures / "red" / "2.jpg").write_bytes(drawn("another red"))
    found = {name: scrape(name, "second", "") for name in order}
    assert [facts["posts"] for facts in found.values()] == [1, 0], "tasks share what they know of a source"
    assert [facts["images"] for facts in found.values()] == [1, 0]
    assert [facts["go"] for facts in found.values()] == [True, True]


def shared(task: Task, name: str, pictures: Path, tasks: Path) -> Task:
    """Write a task over the same folder under another name."""
    made = task.model_copy(update={"name": name, "sources": (FolderSource(type="folder", path=pictures),)})
    save_task(made, tasks / f"{name}.yaml")
    return made
