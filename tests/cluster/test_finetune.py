"""Fine-tuning in a pod: on a processor where no accelerator is set, and waiting for one where there is none."""

from pathlib import Path

from perennial.learning.tuned import root_of
from tests.cluster.installation import Installation, compiled, set_day
from tests.cluster.test_kill import FIRST, LENIENT

SMALL = {"network": "resnet18", "weights": "random:2", "resize": 64, "crop": 64}
ALWAYS = {"when": "always", "epochs": 1, "images_per_class": 20, "batch": 8}


def always(installed: Installation, name: str) -> Path:
    set_day(FIRST)
    return installed.task(name, gate=LENIENT, backbone=SMALL, finetune=ALWAYS)


def test_a_gpu_that_no_node_has(installed: Installation, tmp_path: Path) -> None:
    task = always(installed, "waiting")
    package = compiled(tmp_path, accelerator="nvidia.com/gpu")
    arguments = ("run", str(task), "--cluster", "--wait", "--stuck", "20s", "--package", str(package))
    said = installed.perennial(*arguments, code=2)
    assert "step finetune waits for a node" in said.lower(), said
    assert "nvidia.com/gpu" in said


def test_fine_tuning_without_an_accelerator(installed: Installation) -> None:
    ended = installed.run(always(installed, "tuned"))
    facts = installed.facts("tuned", ended["run"], "finetune") or {}
    assert facts["epochs"] == 1, facts
    assert facts["device"] == "CPU"
    champion = installed.registry.champion("tuned")
    assert champion is not None
    assert root_of(installed.objects, facts["backbone"]) == root_of(installed.objects, champion.backbone)
