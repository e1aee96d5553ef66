"""Whether a run fine-tunes the backbone, what came of it, and which backbone a run goes on with; needs no torch.

``backbones/tuned/<digest>.json`` says where a tuned backbone comes from: ``root``, the one that the task's file names, and
``base``, the one that it was trained further from. ``runs/<task>/finetune.json`` is a request that no run has fulfilled yet.
"""

from dataclasses import dataclass
from typing import Any

from perennial.backbones.export import PREFIX, known
from perennial.catalog.objects import Objects
from perennial.errors import ObjectMissing
from perennial.task import Task

Request = dict[str, Any]


@dataclass(frozen=True)
class Tuned:
    """What became of a backbone: a new digest, or the base's where training it was of no use.

    ``images`` counts those that were replayed; ``loss`` is the mean of the last epoch, None where it is no better than chance;
    ``before`` and ``after`` are the learner's on the calibration split, None where that is smaller than ``gate.min_held_out``.
    """

    backbone: str
    base: str
    epochs: int
    images: int
    loss: float | None
    before: float | None
    after: float | None
    device: str

    @property
    def sentence(self) -> str:
        """What happened, in one sentence."""
        said = f"{self.epochs} epochs over {self.images} images on {self.device}"
        if self.loss is None:
            said += ": its loss is no better than chance (finetune.learning_rate may be too high)"
        elif self.before is not None and self.after is not None:
            said += f", the calibration loss went from {self.before:.3f} to {self.after:.3f}"
        return said if self.backbone != self.base else f"{said}, so the backbone stays as it was"


def wanted(task: Task, objects: Objects) -> bool:
    """Return whether a run that goes on fine-tunes the backbone: always, or when it was asked to."""
    when = task.finetune.when
    return when == "always" or (when == "asked" and request_for(task.name, objects) is not None)


def request_for(task: str, objects: Objects) -> Request | None:
    """Return the open request for fine-tuning a task's backbone: ``id`` and ``why``; None where there is none."""
    return _found(objects, request_key(task))


def request_key(task: str) -> str:
    """Return the key of a task's request."""
    return f"runs/{task}/finetune.json"


def settle(objects: Objects, task: str, request: str) -> None:
    """Take back the request of this id, which a run fulfilled; one that came since stays."""
    found = request_for(task, objects)
    if found is not None and found["id"] == request:
        objects.delete(request_key(task))


def backbone_of(task: Task, objects: Objects, champion: str | None) -> str | None:
    """Return the digest of the backbone that a run embeds and trains with; None where it was never exported.

    It is the champion's, where that was tuned from the one that the task's file names; otherwise the one that the file names.
    So a tuned backbone whose model was refused leaves no trace, and an edited file takes effect.

    Raises:
        ObjectMissing: the champion, a digest, isn't in the store.
        BackboneError: the task's weights are wrongly written.
    """
    own = known(task.backbone, objects)
    if own is None or champion is None:
        return own
    theirs = str(objects.get_json(f"models/{task.name}/{champion}/model.json")["backbone"])
    return theirs if root_of(objects, theirs) == own else own


def root_of(objects: Objects, backbone: str) -> str:
    """Return the digest of the backbone from which this one was tuned, in however many runs; itself where it wasn't."""
    origin = _found(objects, _origin_key(backbone))
    return str(origin["root"]) if origin else backbone


def remember(objects: Objects, backbone: str, base: str) -> None:
    """Keep that a backbone was tuned from another one."""
    objects.create_json(_origin_key(backbone), {"root": root_of(objects, base), "base": base})


def _origin_key(backbone: str) -> str:
    return f"{PREFIX}/tuned/{backbone}.json"


def _found(objects: Objects, key: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = objects.get_json(key)
    except ObjectMissing:
        return None
    return found
