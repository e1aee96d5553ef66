"""A task's file asks for another precision: the next run exports, embeds and judges it, though nothing was scraped."""

from pathlib import Path

import pytest

from perennial.catalog.objects import Objects
from perennial.evaluation.figures import Evaluation
from perennial.operations.facts import RunFolder
from perennial.processes import free_port
from perennial.settings import Settings
from perennial.task import BackboneSpec, FolderSource, Task, save_task
from pipelines.here import Ended, run_here
from tests.e2e.bench import draw
from tests.learning.shades import task

MATERIALS = ("brick", "glass", "stone")
SMALL = BackboneSpec(network="resnet18", weights="random:0", resize=64, crop=64)


@pytest.mark.timeout(900)
def test_a_champion_that_is_no_worse_in_int8_serves_in_int8(tmp_path: Path) -> None:
    settings = Settings.load(
        home=tmp_path / "state", tasks=tmp_path / "tasks", http_port=free_port(), grpc_port=free_port(), threads=2
    )
    for material in MATERIALS:
        draw(tmp_path / "walls", material, range(80))
    source = FolderSource(type="folder", path=tmp_path / "walls")
    # on a busy machine the times of so small a network say little
    gate = {"min_held_out": 5, "min_new_images": 5, "max_latency_ratio": 50}
    own = task(classes=MATERIALS, sources=(source,), backbone=SMALL, finetune={}, gate=gate)
    faster = own.model_copy(update={"backbone": SMALL.model_copy(update={"precision": "int8"})})

    def run(wanted: Task) -> Ended:
        save_task(wanted, settings.tasks / "tints.yaml")
        return run_here(wanted, settings, lambda *_: None)

    assert run(own).outcome == "promoted"
    second = run(faster)
    folder = RunFolder(Objects.open(settings.store_url), "tints", second.run)
    judged = Evaluation.model_validate(folder.read("evaluate")["evaluation"])
    verdict = folder.read("gate")["verdict"]

    assert second.outcome == "promoted", second
    assert folder.read("scrape")["images"] == 0
    assert folder.read("label")["route"] == "export"
    assert folder.read("embed")["new"] == 240
    assert judged.champion is not None
    assert judged.challenger.backbone == folder.read("export")["backbone"] != judged.champion.backbone
    assert judged.challenger.backbone_ms is not None
    assert judged.champion.backbone_ms is not None
    checks = {check["name"]: check["passed"] for check in verdict["checks"]}
    assert checks["not worse than the champion"] is True
    assert run(faster).outcome == "nothing new"
