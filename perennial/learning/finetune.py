"""Train a task's backbone further on what the catalog holds, old and new alike, and export it as a backbone of its own.

The network starts from the base's weights under the head that the task's learner reads out of its features (linear probing,
then fine-tuning: Kumar et al. 2022, arXiv:2202.10054), and sees in each epoch a fresh draw balanced by class. The calibration
split tells whether that was worth it; whether the model that learns on the new features may serve is the gate's to say.
"""

import functools
import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from perennial.backbones.augment import augmented
from perennial.backbones.description import MARKER
from perennial.backbones.embed import Progress, stored
from perennial.backbones.export import PREFIX
from perennial.backbones.preprocess import Pixels, preprocess
from perennial.backbones.quantise import quantise
from perennial.backbones.tuning import description_of, export_tuned, restore
from perennial.catalog.catalog import Catalog
from perennial.catalog.digests import digest_of
from perennial.catalog.snapshots import snapshot
from perennial.errors import BackboneError, ModelError
from perennial.learning.calibration import calibrated
from perennial.learning.checkpoints import Checkpoints
from perennial.learning.learners.base import Events
from perennial.learning.learners.registered import learner_named
from perennial.learning.model import shrinkage_of
from perennial.learning.readout import Readout
from perennial.learning.replay import Examples, Positions, Replay, batches, drawn
from perennial.learning.tuned import Tuned, remember
from perennial.task import Task

if TYPE_CHECKING:
    from perennial.learning.trainer import Trainer

RECIPE = 1
"""Raised whenever the same images would give other weights."""


def _silent(done: int, total: int) -> None:
    """Show nothing."""


def finetune(task: Task, catalog: Catalog, base: str, *, threads: int, progress: Progress = _silent) -> Tuned:
    """Train the backbone ``base``, a digest, for ``finetune.epochs`` epochs and export what it became.

    Learns from the train split of batches that are neither held nor rejected. After each epoch the state is kept: killed and
    called again on the same images, it goes on from there, on a CPU to the same bits; once done, it answers at once.

    Raises:
        ModelError: fewer than two classes have an image to learn from.
        BackboneError: the GPU's memory is too small for a batch, or the weights can't be exported.
        CatalogError: an image's pixels are damaged.
    """
    key = _key(task, catalog, base)
    checkpoints = Checkpoints(catalog.objects, task.name, key)
    found = checkpoints.result()
    if found is not None and catalog.objects.exists(f"{PREFIX}/{found['backbone']}/{MARKER}"):
        return Tuned(**found)
    replay = Replay.of(task, catalog)
    if len(replay.names) < 2:
        raise ModelError(
            f"The backbone of task '{task.name}' can't be fine-tuned: {len(replay.names)} of its classes have images in the "
            "training split. Add images, then run again."
        )
    import torch

    try:
        return _Run(task, catalog, base, replay, checkpoints, int(key[:16], 16), threads).through(progress)
    except torch.OutOfMemoryError:
        raise BackboneError(
            f"The GPU's memory is too small to fine-tune {task.backbone.network} with batches of {task.finetune.batch}. "
            "Set finetune.batch to half of that; the run goes on where it stopped."
        ) from None


def _key(task: Task, catalog: Catalog, base: str) -> str:
    """Return the digest of all that the result depends on."""
    batches = [batch.id for batch in catalog.batches(task.name) if batch.status == "open"]
    how = task.finetune.model_dump(mode="json", exclude={"when"}) | {"learner": task.learner.name, "recipe": RECIPE}
    return digest_of([base, snapshot(catalog, task.name, batches).digest, task.classes, how])


@dataclass(frozen=True)
class _Run:
    """One fine-tuning; epoch e of the seed is the same whenever it is trained."""

    task: Task
    catalog: Catalog
    base: str
    replay: Replay
    checkpoints: Checkpoints
    seed: int
    threads: int

    def through(self, progress: Progress) -> Tuned:
        """Train, epoch after epoch, and keep the result."""
        from perennial.learning.trainer import Trainer

        trainer, spec = Trainer(restore(self.catalog.objects, self.base), self.threads), self.task.finetune
        readout, heat, before = self._read_out(trainer)
        trainer.start(readout.weight / (heat * self._scale), readout.bias / heat)
        latest = self.checkpoints.latest()
        done, loss = (latest[0]["epochs"], latest[0]["loss"]) if latest else (0, 0.0)
        if latest:
            trainer.go_on(latest[1])
        while done < spec.epochs and math.isfinite(loss):
            loss, done = self._epoch(trainer, done, progress), done + 1
            if math.isfinite(loss):
                self.checkpoints.save({"epochs": done, "loss": loss}, trainer.state())
        learnt = loss < math.log(len(self.replay.names))
        after = self._read_out(trainer)[2] if learnt else np.empty(0)
        figures = (loss if learnt else None, _mean(before), _mean(after))
        tuned = Tuned(self.base, self.base, done, len(self.replay.train), *figures, trainer.where)
        if learnt and not _worse(before, after):
            backbone = export_tuned(self.catalog.objects, self.task.backbone, trainer.weights())
            remember(self.catalog.objects, backbone, self.base)
            tuned = replace(tuned, backbone=backbone)
        self.checkpoints.finish(asdict(tuned))
        return tuned

    def _read_out(self, trainer: "Trainer") -> tuple[Readout, float, NDArray[np.float64]]:
        """Return what the task's learner makes of the features, its temperature, and the calibration images' losses under it.

        There are no losses, [0], where the calibration images are too few to judge anything.
        """
        train, calibrate = self.replay.train, self.replay.calibrate
        order = drawn(train.classes, self.task.finetune.images_per_class, self._draw(0))
        vectors, classes = self._vectors(trainer, train, order), train.classes[order]
        learner = learner_named(self.task.learner.name)(vectors.shape[1], len(self.replay.names), shrinkage_of(self.task.learner))
        learner.apply(Events(vectors, classes, np.ones(len(order), np.int64), np.full(len(order), "2000-01")))
        readout = learner.readout()
        if not len(calibrate):
            return readout, 1.0, np.empty(0)
        logits = readout.logits(self._vectors(trainer, calibrate, np.arange(len(calibrate))))
        heat, losses = calibrated(logits, calibrate.classes)
        return readout, heat, losses if len(calibrate) >= self.task.gate.min_held_out else np.empty(0)

    def _vectors(self, trainer: "Trainer", examples: Examples, order: Positions) -> NDArray[np.int16]:
        """Return what the backbone would embed, pictures not augmented."""
        sides = self.task.backbone

        def read(place: int) -> Pixels:
            return stored(self.catalog, examples.images[order[place]], lambda data: preprocess(data, sides.resize, sides.crop))

        features = trainer.features(batches(order, self.task.finetune.batch, read, self.threads))
        return quantise(features, self._scale)[0]

    @functools.cached_property
    def _scale(self) -> float:
        return description_of(self.catalog.objects, self.base).scale

    def _epoch(self, trainer: "Trainer", epoch: int, progress: Progress) -> float:
        """Train for one epoch and return its mean loss."""
        spec, examples = self.task.finetune, self.replay.train
        order = drawn(examples.classes, spec.images_per_class, self._draw(epoch + 1))
        steps, losses = -(-len(order) // spec.batch), []

        def read(place: int) -> Pixels:
            draw = self._draw(epoch + 1, place + 1)
            crop = self.task.backbone.crop
            return stored(self.catalog, examples.images[order[place]], lambda data: augmented(data, crop, draw))

        for step, (part, pictures) in enumerate(batches(order, spec.batch, read, self.threads)):
            rate = _cosine(spec.learning_rate, epoch * steps + step, spec.epochs * steps)
            losses.append(trainer.learn(pictures, examples.classes[part], rate) * len(part))
            progress(epoch * len(order) + min((step + 1) * spec.batch, len(order)), spec.epochs * len(order))
        return float(sum(losses)) / len(order)

    def _draw(self, *numbers: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, *numbers))


def _worse(before: NDArray[np.float64], after: NDArray[np.float64]) -> bool:
    """Return whether paired losses grew by more than chance explains: by two standard errors of their mean."""
    grown = after - before
    return len(grown) > 1 and grown.mean() > 2 * grown.std(ddof=1) / math.sqrt(len(grown))


def _mean(losses: NDArray[np.float64]) -> float | None:
    return float(losses.mean()) if len(losses) else None


def _cosine(rate: float, step: int, steps: int) -> float:
    """Return the learning rate of a step: from ``rate`` down to 0 along a cosine (Loshchilov and Hutter 2017)."""
    return rate * (1 + math.cos(math.pi * step / steps)) / 2
