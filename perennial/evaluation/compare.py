"""Score champion and challenger on the same held-out images, and each new batch by its labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from perennial.catalog.catalog import Catalog
from perennial.evaluation import held_out as images
from perennial.evaluation import metrics
from perennial.evaluation.batch import BatchFigures
from perennial.evaluation.batch import figures as batch_figures
from perennial.evaluation.bootstrap import Answers, Interval, paired
from perennial.evaluation.figures import Evaluation, ModelFigures
from perennial.evaluation.latency import head_ms
from perennial.learning.head import Head
from perennial.learning.model import Model, load_model
from perennial.task import Task

REFERENCE = 250


@dataclass(frozen=True)
class _Scored:
    """One model's answers: probabilities on the window's images [n, c] and on older ones [m, c], and recent vectors."""

    model: Model
    head: Head
    vectors: NDArray[np.int16]
    recent: NDArray[np.float64]
    older: NDArray[np.float64]


def evaluate(
    task: Task,
    catalog: Catalog,
    challenger: str,
    champion: str | None,
    new_batches: Sequence[str],
    *,
    backbone_ms: Mapping[str, float] | None = None,
) -> Evaluation:
    """Measure a challenger, and the champion (both digests) on the same images, and the labels of each new batch.

    Held-out images of held or rejected batches don't count. Both models' embeddings of the held-out images must be stored.
    ``backbone_ms``: milliseconds per image by backbone digest, where they are known.

    Raises:
        CatalogError: an embedding is missing.
        ModelError: a model folder is damaged.
    """
    new = load_model(catalog.objects, task.name, challenger)
    old = load_model(catalog.objects, task.name, champion) if champion else None
    counted = images.open_batches(task, catalog, new.batches)
    rows = images.held_out(task, catalog, counted, new_batches)
    scored = [_score(task, catalog, model, rows) for model in (new, old) if model]
    speed = head_ms([(one.head, one.vectors) for one in scored])
    figures = [
        _figures(task, one, rows, ms, (backbone_ms or {}).get(one.head.backbone)) for one, ms in zip(scored, speed, strict=True)
    ]
    open_new = [batch for batch in counted if batch.id in set(new_batches)]
    classes = images.positions(task, rows.recent)
    pair = (scored[1], scored[0]) if old else None
    return Evaluation(
        task=task.name,
        classes=task.classes,
        window_days=task.gate.window_days,
        new_batches=tuple(batch.id for batch in open_new),
        new_images=images.changed(task, catalog, [batch.id for batch in open_new], old.batches if old else ()),
        images=rows.recent.num_rows,
        posts=len(set(rows.recent["post"].to_pylist())),
        older_images=rows.older.num_rows,
        support=dict(zip(task.classes, np.bincount(classes, minlength=len(task.classes)).tolist(), strict=True)),
        challenger=figures[0],
        champion=figures[1] if old else None,
        difference=_difference(task, rows.recent, pair[0].recent, pair[1].recent, balanced=True) if pair else None,
        older_difference=_difference(task, rows.older, pair[0].older, pair[1].older, balanced=False) if pair else None,
        batches=_batches(task, catalog, pair[0], pair[1], new_batches) if pair else (),
        corrections=sum(batch.images for batch in open_new if batch.origin == "feedback"),
    )


def _score(task: Task, catalog: Catalog, model: Model, rows: images.HeldOut) -> _Scored:
    head, backbone = model.head(), model.description.backbone
    vectors, older = (
        catalog.embeddings(backbone, table["image"].to_pylist()) if table.num_rows else np.empty((0, head.dims), np.int16)
        for table in (rows.recent, rows.older)
    )
    return _Scored(model, head, vectors, _probabilities(task, head, vectors), _probabilities(task, head, older))


def _probabilities(task: Task, head: Head, vectors: NDArray[np.int16]) -> NDArray[np.float64]:
    """Return probabilities over the task's classes; 0 for one that the model was made without."""
    found = np.zeros((len(vectors), len(task.classes)))
    own = head.probabilities(vectors)
    for position, cls in enumerate(task.classes):
        if cls in head.classes:
            found[:, position] = own[:, head.classes.index(cls)]
    return found


def _figures(task: Task, scored: _Scored, rows: images.HeldOut, head: float | None, backbone: float | None) -> ModelFigures:
    classes, older = images.positions(task, rows.recent), images.positions(task, rows.older)
    predicted = scored.recent.argmax(axis=1)
    matrix = metrics.confusion(classes, predicted, len(task.classes))
    right = np.concatenate([predicted == classes, scored.older.argmax(axis=1) == older])
    days = np.concatenate([_days(rows.recent), _days(rows.older)])
    recall = [None if np.isnan(value) else float(value) for value in metrics.recalls(matrix)]
    unfamiliar = scored.head.unfamiliar(scored.vectors)
    return ModelFigures(
        digest=scored.model.digest,
        backbone=scored.head.backbone,
        accuracy=float(np.trace(matrix) / max(len(classes), 1)),
        balanced_accuracy=metrics.balanced_accuracy(matrix),
        macro_f1=metrics.macro_f1(matrix),
        top_3=metrics.top(scored.recent, classes),
        calibration_error=metrics.calibration_error(scored.recent, classes),
        recall=dict(zip(task.classes, recall, strict=True)),
        confusion=tuple(tuple(row) for row in matrix.tolist()),
        by_month=metrics.by_month(days, right),
        older_accuracy=float(right[len(classes) :].mean()) if len(older) else None,
        unfamiliar=float(unfamiliar.mean()) if len(unfamiliar) else 0.0,
        head_ms=head,
        backbone_ms=backbone,
    )


def _difference(
    task: Task, rows: pa.Table, champion: NDArray[np.float64], challenger: NDArray[np.float64], *, balanced: bool
) -> Interval | None:
    classes = images.positions(task, rows)
    first, second = champion.argmax(axis=1) == classes, challenger.argmax(axis=1) == classes
    return paired(Answers(rows["post"].to_pylist(), classes, first, second), balanced=balanced, level=task.gate.confidence)


def _batches(
    task: Task, catalog: Catalog, champion: _Scored, challenger: _Scored, new: Sequence[str]
) -> tuple[BatchFigures, ...]:
    """Judge the labels of each new batch by itself, on all of its images; only where both models know the same classes.

    Corrections aren't judged: they contradict the champion by their nature, and a person has looked at each.
    """
    if champion.head.classes != task.classes:
        return ()
    reference = images.learnt_recently(task, catalog, champion.model.batches)
    unlearnt_rows = images.newest(images.split_rows(reference, ("hold_out", "calibrate")), REFERENCE)
    unlearnt = images.sample(task, catalog, champion.head.backbone, unlearnt_rows)
    learnt = images.sample(task, catalog, challenger.head.backbone, reference)
    found = []
    for batch in (batch for batch in images.open_batches(task, catalog, new) if batch.origin == "source"):
        rows = images.labels_of(task, catalog, batch.id)
        own = images.sample(task, catalog, champion.head.backbone, rows)
        theirs = images.sample(task, catalog, challenger.head.backbone, rows)
        found.append(batch_figures(batch.id, own, theirs, unlearnt, learnt, champion.head, challenger.head))
    return tuple(found)


def _days(rows: pa.Table) -> NDArray[np.datetime64]:
    return np.array(rows["published"].to_pylist(), dtype="datetime64[D]")
