"""The pod that makes a challenger: what it returns, what KFP's page gets, and what a second attempt of it makes of the first."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from components.embed import embed
from components.learn import learn
from perennial.operations.facts import RunFolder
from tests.small_world import World, add_batch


@dataclass
class Shown:
    """Artifacts as KFP hands them to a component."""

    path: Path
    logged: dict[str, Any] = field(default_factory=dict)
    matrix: tuple[Any, ...] = ()

    def log_metric(self, name: str, value: float) -> None:
        self.logged[name] = value

    def log_confusion_matrix(self, *matrix: Any) -> None:
        self.matrix = matrix

    def arguments(self) -> dict[str, "Shown"]:
        return {"metrics": self, "confusion": self, "page": self}


@pytest.fixture
def shown(tmp_path: Path) -> Shown:
    return Shown(tmp_path / "page.html")


def learnt(run: RunFolder, shown: Shown) -> bool:
    passed: bool = learn.python_func(task=run.task, run=run.id, **shown.arguments())
    return passed


def test_figures_and_verdict_are_shown(run: RunFolder, shown: Shown) -> None:
    assert learnt(run, shown) is True
    assert set(shown.logged) == {"balanced_accuracy", "macro_f1", "top_3", "calibration_error"}
    classes, rows = shown.matrix
    assert classes == ["red", "green", "blue"]
    assert [len(row) for row in rows] == [3, 3, 3]
    assert "<html" in shown.path.read_text()


def test_nothing_to_learn_is_no_broken_artifact(run: RunFolder, shown: Shown, world: World) -> None:
    for batch in world.catalog.batches("colours"):
        world.catalog.hold("colours", batch.id, "for a test")
    assert learnt(run, shown) is False
    assert "nothing to learn" in shown.path.read_text()
    assert not shown.logged


def test_killed_after_its_verdict_it_ends_as_if_it_had_not_been(run: RunFolder, shown: Shown, world: World) -> None:
    """A batch that the first attempt held would otherwise be left out by the second, which would then pass."""
    assert learnt(run, shown) is True
    judged = run.read("gate")
    held = [world.catalog.batches("colours")[-1].id]
    run.write("gate", {**judged, "verdict": {**judged["verdict"], "outcome": "hold", "batches": held}})
    trained = run.read("train")
    assert learnt(run, shown) is False
    assert run.read("train") == trained
    assert [batch.id for batch in world.catalog.batches("colours") if batch.status == "held"] == held
    assert shown.path.read_text() == judged["page"]


def test_shards_and_what_they_left_are_counted_together(run: RunFolder, shown: Shown, world: World) -> None:
    add_batch(world.catalog, "colours", 7)
    for shard in (0, 1):
        embed.python_func(task=run.task, run=run.id, shard=shard, of=4)
    parts = [run.read(f"embed-{shard}")["new"] for shard in (0, 1)]
    assert all(0 < part < 40 for part in parts)
    assert learnt(run, shown) is True
    assert run.read("embed")["new"] == 60
