"""Steps of a run over a small world, run in this very process."""

from pathlib import Path

import pytest

from perennial.operations.facts import RunFolder
from perennial.task import save_task
from tests.small_world import World, template


@pytest.fixture
def world(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world of its own in which nothing was deployed yet; steps find it by their settings."""
    made = template(tmp_path_factory.getbasetemp()).copy(tmp_path / "home")
    save_task(made.task, tmp_path / "tasks" / f"{made.task.name}.yaml")
    variables = {"HOME": made.settings.home, "TASKS": tmp_path / "tasks", "THREADS": 1, "RUN": ""}
    for name, value in variables.items():
        monkeypatch.setenv(f"PERENNIAL_{name}", str(value))
    return made


@pytest.fixture
def run(world: World) -> RunFolder:
    """A run of which scraping and labelling are done."""
    folder = RunFolder(world.objects, world.task.name, "run-one")
    folder.write("scrape", {"sentence": "60 new images", "go": True, "unfinished": [], "images": 60})
    folder.write("label", {"sentence": "60 images labelled", "route": "learn", "backbone": None})
    return folder
