"""A run that fine-tunes, and the one after it, on this machine and through the pipeline."""

from pathlib import Path

import pytest

from perennial.catalog.objects import Objects
from perennial.deployment.champion import served_digest
from perennial.learning.tuned import backbone_of, root_of
from perennial.operations.facts import RunFolder
from perennial.processes import free_port
from perennial.settings import Settings
from perennial.task import FinetuneSpec, FolderSource, Task, save_task
from pipelines.here import run_here
from tests.learning.shades import CLASSES, picture, task


def draw(folder: Path, numbers: range) -> None:
    for number in numbers:
        path = folder / CLASSES[number % 3] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(path.parent.name, number))


@pytest.mark.timeout(600)
def test_a_champion_gets_a_tuned_backbone_and_the_next_run_stays_on_it(tmp_path: Path) -> None:
    settings = Settings.load(
        home=tmp_path / "state", tasks=tmp_path / "tasks", http_port=free_port(), grpc_port=free_port(), threads=2
    )
    objects = Objects.open(settings.store_url)
    source = FolderSource(type="folder", path=tmp_path / "pictures")
    own = task(sources=(source,), gate={"min_held_out": 5, "min_new_images": 5})
    steps: list[str] = []

    def run(wanted: Task) -> RunFolder:
        save_task(wanted, settings.tasks / "tints.yaml")
        steps.clear()
        ended = run_here(wanted, settings, lambda step, kind, _: steps.append(step) if kind == "done" else None)
        assert ended.outcome == "promoted", ended
        return RunFolder(objects, "tints", ended.run)

    draw(source.path, range(120))
    first = run(own)
    tuned = first.read("finetune")
    assert steps.index("label") < steps.index("finetune") < steps.index("embed") < steps.index("train")
    assert tuned["backbone"] != tuned["base"]
    assert first.read("embed")["new"] == 120
    assert root_of(objects, tuned["backbone"]) == tuned["base"]

    draw(source.path, range(120, 150))
    calm = own.model_copy(update={"finetune": FinetuneSpec(when="asked")})
    second = run(calm)
    assert "finetune" not in steps
    assert second.read("embed")["backbone"] == tuned["backbone"]
    assert second.read("embed")["new"] == 30
    assert backbone_of(calm, objects, served_digest(calm, objects)) == tuned["backbone"]
