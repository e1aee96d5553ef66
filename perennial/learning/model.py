"""A model: the head that serves, and the state and ledger that the next update starts from."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from perennial.catalog.objects import Objects
from perennial.errors import ModelError
from perennial.learning import folder as files
from perennial.learning.calibration import CalibrationSet
from perennial.learning.folder import CALIBRATION, DESCRIPTION, HEAD, LEDGER, STATE, Description
from perennial.learning.head import Head
from perennial.learning.learners.base import Learner
from perennial.learning.learners.registered import learner_named
from perennial.task import LearnerSpec


@dataclass(frozen=True)
class Draft:
    """A model before it is saved."""

    task: str
    classes: tuple[str, ...]
    backbone: str
    spec: LearnerSpec
    parent: str | None
    batches: tuple[str, ...]
    learner: Learner
    head: Head
    half_life: float | None
    calibration: CalibrationSet


@dataclass(frozen=True)
class Model:
    """A saved model; its parts are read, and checked against their digests, when they are asked for."""

    digest: str
    folder: Path
    description: Description
    batches: tuple[str, ...]

    def head(self) -> Head:
        """Read what classifies."""
        return Head.load(self.folder)

    def learner(self) -> Learner:
        """Read the state that the next update goes on from."""
        arrays = files.read_arrays(self.folder, STATE, self.description.files[STATE])
        spec, dims = self.description.learner, arrays["cells.sums"].shape[1]
        return learner_named(spec.name).from_state(dims, len(self.description.classes), arrays, shrinkage_of(spec))

    def calibration(self) -> CalibrationSet:
        """Read the images that temperature and the unfamiliar threshold were set on."""
        return CalibrationSet.from_arrays(files.read_arrays(self.folder, CALIBRATION, self.description.files[CALIBRATION]))


def shrinkage_of(spec: LearnerSpec) -> float | None:
    """Return a fixed shrinkage, or None where it is computed."""
    return None if spec.shrinkage == "oas" else spec.shrinkage


def model_prefix(task: str, digest: str) -> str:
    """Return the key under which a model's folder lies in the store."""
    return f"models/{task}/{digest}"


def save_model(objects: Objects, draft: Draft) -> str:
    """Write a model folder and return its digest; the same model twice is one folder."""
    counts = draft.learner.counts()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        readout = draft.head.readout
        head = {"weight": readout.weight, "bias": readout.bias, "centre": readout.centre, "whitener": readout.whitener}
        description = Description(
            task=draft.task,
            classes=draft.classes,
            known=tuple(cls for cls, count in zip(draft.classes, counts, strict=True) if count > 0),
            backbone=draft.backbone,
            learner=draft.spec,
            parent=draft.parent,
            images=int(counts.sum()),
            half_life=draft.half_life,
            temperature=draft.head.temperature,
            unfamiliar=draft.head.threshold,
            files={
                HEAD: files.write_arrays(folder, HEAD, dict(head)),
                STATE: files.write_arrays(folder, STATE, draft.learner.state()),
                CALIBRATION: files.write_arrays(folder, CALIBRATION, draft.calibration.arrays()),
                LEDGER: files.write_json(folder, LEDGER, {"batches": sorted(draft.batches)}),
            },
        )
        files.write_json(folder, DESCRIPTION, description.model_dump(mode="json"))
        objects.publish(model_prefix(draft.task, description.digest), folder)
    return description.digest


def load_model(objects: Objects, task: str, digest: str) -> Model:
    """Open a saved model.

    Raises:
        ModelError: there is no such model, or its folder is damaged.
    """
    prefix = model_prefix(task, digest)
    if not objects.exists(f"{prefix}/{DESCRIPTION}"):
        raise ModelError(f"The task '{task}' has no model {digest[:12]}… in the store. See 'perennial models {task}'.")
    folder = objects.folder(prefix)
    description = files.read_description(folder)
    if description.digest != digest:
        raise ModelError(
            f"{folder / DESCRIPTION} is damaged: its digest is {description.digest[:12]}…, the folder is named {digest[:12]}…. "
            "Restore the folder from a copy, or go back to another version with 'perennial rollback'."
        )
    ledger = json.loads(files.read_bytes(folder, LEDGER, description.files[LEDGER]))
    return Model(digest, folder, description, tuple(ledger["batches"]))
