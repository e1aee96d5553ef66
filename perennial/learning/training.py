"""Bring a model up to date: start from the champion's state and learn what it has not seen, at the cost of what is new."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from perennial.catalog.catalog import Catalog
from perennial.errors import ModelError
from perennial.learning import half_life as fading
from perennial.learning.calibration import CalibrationSet, temperature, unfamiliar_threshold
from perennial.learning.changes import Changes, changes
from perennial.learning.head import Head
from perennial.learning.learners.base import BLOCK, Events, Learner
from perennial.learning.learners.registered import learner_named
from perennial.learning.model import Draft, Model, load_model, save_model, shrinkage_of
from perennial.learning.periods import periods_of
from perennial.task import Task

Progress = Callable[[int, int], None]


def _silent(done: int, total: int) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class Trained:
    """A challenger: its digest, the batches that its parent hadn't learnt, how many images changed, how many it has learnt.

    ``corrections`` counts the images that people corrected among those that its parent hadn't learnt.
    """

    digest: str
    parent: str | None
    batches_new: tuple[str, ...]
    images_new: int
    images: int
    half_life: float | None
    from_scratch: bool
    corrections: int = 0


@dataclass(frozen=True)
class _Start:
    """What an update goes on from."""

    model: Model | None
    learner: Learner | None
    calibration: CalibrationSet | None

    @property
    def learnt(self) -> tuple[str, ...]:
        return self.model.batches if self.model and self.learner else ()


def update(task: Task, catalog: Catalog, backbone: str, champion: str | None, *, progress: Progress = _silent) -> Trained | None:
    """Learn all open batches that the champion hasn't learnt, and unlearn those that are held or rejected since.

    ``backbone`` and ``champion`` are digests. Starts from nothing where there is no champion or it has another backbone, other
    classes or another learner; batches that the catalog holds back are never read. Only the train split is learnt; the
    calibration split sets temperature and threshold. None where there is nothing to learn.

    Raises:
        ModelError: the champion's folder is damaged, or no image of a known class is there to learn from.
    """
    start = _start(task, catalog, backbone, champion)
    found = changes(task.name, catalog, start.learnt)
    if found is None:
        return None
    learner, calibration = _learn(task, catalog, backbone, start, found, progress)
    if not learner.cells.images:
        raise ModelError(
            f"The task '{task.name}' has no image to learn from: of {found.now.num_rows} labelled ones, none of the classes "
            f"{', '.join(task.classes)} falls in the training split. Add images, then run again."
        )
    whitener = learner.whitener()
    half_life = _half_life(task, catalog, backbone, learner, found, start, whitener)
    readout = learner.readout(half_life, whitener)
    fallback = start.model.description.temperature if start.model and start.learner else 1.0
    head = Head(
        task.classes, backbone, readout, temperature(readout, calibration, fallback), unfamiliar_threshold(readout, calibration)
    )
    parent = start.model.digest if start.model else None
    draft = Draft(task.name, task.classes, backbone, task.learner, parent, found.batches, learner, head, half_life, calibration)
    digest = save_model(catalog.objects, draft)
    new = tuple(batch for batch in found.batches if start.model is None or batch not in set(start.model.batches))
    scratch = start.learner is None
    return Trained(digest, parent, new, found.now.num_rows, learner.cells.images, half_life, scratch, found.corrections)


def _start(task: Task, catalog: Catalog, backbone: str, champion: str | None) -> _Start:
    """Read the champion, and its state where the update can go on from it."""
    if champion is None:
        return _Start(None, None, None)
    model = load_model(catalog.objects, task.name, champion)
    spec = model.description.learner
    same = (spec.name, spec.period) == (task.learner.name, task.learner.period)
    if not same or model.description.backbone != backbone or model.description.classes != task.classes:
        return _Start(model, None, None)
    learner = model.learner()
    learner.shrinkage = shrinkage_of(task.learner)
    return _Start(model, learner, model.calibration())


def _learn(
    task: Task, catalog: Catalog, backbone: str, start: _Start, found: Changes, progress: Progress
) -> tuple[Learner, CalibrationSet]:
    """Apply the changes to the state and to the calibration set."""
    learner, calibration = start.learner, start.calibration
    tables = [(found.now, 1)] if found.before is None else [(found.before, -1), (found.now, 1)]
    blocks = [(_blocks(task, table), sign) for table, sign in tables]
    total, done = sum(rows.num_rows for part, _ in blocks for rows in part), 0
    for part, sign in blocks:
        for rows in part:
            vectors = catalog.embeddings(backbone, rows.column("image").to_pylist())
            learner = learner or _empty(task, vectors.shape[1])
            calibration = calibration or CalibrationSet.empty(vectors.shape[1])
            train = np.asarray(pc.equal(rows.column("split"), "train").to_numpy(zero_copy_only=False))
            learner.apply(_events(task, rows, vectors, sign).at(train))
            if sign > 0:
                calibration = calibration.plus(_calibration(task, rows, vectors))
            done += rows.num_rows
            progress(done, total)
        if sign < 0 and calibration is not None:
            calibration = calibration.without(found.images)
    return learner or _empty(task, 1), CalibrationSet.empty(1) if calibration is None else calibration


def _empty(task: Task, dims: int) -> Learner:
    return learner_named(task.learner.name)(dims, len(task.classes), shrinkage_of(task.learner))


def _blocks(task: Task, table: pa.Table) -> list[pa.Table]:
    """Return the rows that have one of the task's classes and aren't held out, in pieces that fit in memory."""
    wanted = pc.and_(pc.is_in(table.column("cls"), pa.array(task.classes)), pc.not_equal(table.column("split"), "hold_out"))
    rows = table.filter(wanted).sort_by([("published", "ascending"), ("image", "ascending")])
    return [rows.slice(start, BLOCK) for start in range(0, rows.num_rows, BLOCK)]


def _events(task: Task, rows: pa.Table, vectors: NDArray[np.int16], sign: int) -> Events:
    position = {cls: index for index, cls in enumerate(task.classes)}
    classes = np.array([position[cls] for cls in rows.column("cls").to_pylist()], np.int64)
    periods = periods_of(rows.column("published").to_pylist(), task.learner.period)
    return Events(vectors, classes, np.full(len(classes), sign, np.int64), periods)


def _calibration(task: Task, rows: pa.Table, vectors: NDArray[np.int16]) -> CalibrationSet:
    mask = np.asarray(pc.equal(rows.column("split"), "calibrate").to_numpy(zero_copy_only=False))
    events = _events(task, rows, vectors, 1).at(mask)
    kept = rows.filter(pa.array(mask))
    ids = np.frombuffer(bytes.fromhex("".join(kept.column("image").to_pylist())), np.uint8).reshape(-1, 32)
    days = np.array([_ordinal(day) for day in kept.column("published").to_pylist()], np.int64)
    return CalibrationSet(ids, events.vectors, events.classes, days)


def _ordinal(day: dt.date) -> int:
    return day.toordinal()


def _half_life(
    task: Task,
    catalog: Catalog,
    backbone: str,
    learner: Learner,
    found: Changes,
    start: _Start,
    whitener: NDArray[np.float64],
) -> float | None:
    """Return the half-life that the task sets, or the one that the newest of the new images choose; corrections have no say."""
    wanted = task.learner.half_life
    if wanted != "auto":
        return None if wanted == "none" else float(wanted)
    known = pc.and_(pc.is_in(found.now.column("cls"), pa.array(task.classes)), pc.equal(found.now.column("split"), "train"))
    known = pc.and_(known, pc.invert(pc.is_in(found.now.column("batch"), pa.array(found.corrected, pa.string()))))
    rows = found.now.filter(known).sort_by([("published", "descending"), ("post", "ascending"), ("image", "ascending")])
    rows = rows.slice(0, fading.LARGEST)
    if not rows.num_rows:
        return start.model.description.half_life if start.model and start.learner else None
    count = fading.newest_periods(periods_of(rows.column("published").to_pylist(), task.learner.period))
    rows = rows.slice(0, count)
    vectors = catalog.embeddings(backbone, rows.column("image").to_pylist())
    current = start.model.description.half_life if start.model and start.learner else None
    posts = rows.column("post").to_pylist()
    newest = _events(task, rows, vectors, 1)
    return fading.choose(learner, newest, posts, task.learner.period, whitener=whitener, current=current)
