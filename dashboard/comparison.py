"""The first model beside the champion, on the same held-out images, which neither has learnt; without Streamlit."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from perennial.catalog.catalog import Catalog
from perennial.evaluation import metrics
from perennial.evaluation.bootstrap import Answers, Interval, paired
from perennial.learning.head import Head
from perennial.learning.model import load_model
from perennial.registry import Registry, Version

NEWEST = 5_000
"""Held-out images that are compared at most, the newest."""


@dataclass(frozen=True)
class ClassRecall:
    """The share of a class's held-out images that each model recognises; None where the class has none."""

    cls: str
    images: int
    first: float | None
    champion: float | None


@dataclass(frozen=True)
class DayScore:
    """How many of one day's held-out images each model got right."""

    day: dt.date
    images: int
    first_right: int
    champion_right: int


@dataclass(frozen=True)
class Comparison:
    """Two versions on the same images; ``lead`` is the champion's balanced accuracy less the first model's, with 95 % ends."""

    first: Version
    champion: Version
    images: int
    first_balanced_accuracy: float
    champion_balanced_accuracy: float
    lead: Interval | None
    classes: tuple[ClassRecall, ...]
    days: tuple[DayScore, ...]


@dataclass(frozen=True)
class _Predicted:
    matrix: NDArray[np.int64]
    right: NDArray[np.bool_]


def compare(catalog: Catalog, registry: Registry, task: str) -> Comparison | None:
    """Compare a task's first version with its champion; None without a champion or held-out images to compare on.

    Raises:
        ModelError: one of the models is damaged.
    """
    champion = registry.champion(task)
    if champion is None:
        return None
    first = registry.versions(task)[0]
    heads = [load_model(catalog.objects, task, version.digest).head() for version in (first, champion)]
    classes = heads[1].classes
    held_out = _held_out(catalog, task, classes, {head.backbone for head in heads})
    if not held_out.num_rows:
        return None
    wanted = np.array([classes.index(cls) for cls in held_out["cls"].to_pylist()], np.int64)
    old, new = (_predict(catalog, head, held_out["image"].to_pylist(), classes, wanted) for head in heads)
    return Comparison(
        first=first,
        champion=champion,
        images=held_out.num_rows,
        first_balanced_accuracy=metrics.balanced_accuracy(old.matrix),
        champion_balanced_accuracy=metrics.balanced_accuracy(new.matrix),
        lead=paired(Answers(held_out["post"].to_pylist(), wanted, old.right, new.right), balanced=True),
        classes=_recalls(classes, old.matrix, new.matrix),
        days=_days(held_out["published"].to_pylist(), old.right, new.right),
    )


def _held_out(catalog: Catalog, task: str, classes: Sequence[str], backbones: Collection[str]) -> pa.Table:
    """Return the newest held-out images of known classes that have embeddings under all these backbones."""
    table = catalog.labelled(task)
    wanted = pc.and_(pc.equal(table["split"], "hold_out"), pc.is_in(table["cls"], pa.array(classes)))
    newest = table.filter(wanted).sort_by([("published", "descending"), ("image", "ascending")]).slice(0, NEWEST)
    ids = newest["image"].to_pylist()
    missing = {image for backbone in backbones for image in catalog.without_embedding(backbone, ids)}
    return newest.filter(pa.array([image not in missing for image in ids], pa.bool_()))


def _predict(
    catalog: Catalog, head: Head, images: Sequence[str], classes: Sequence[str], wanted: NDArray[np.int64]
) -> _Predicted:
    """Predict with one model; those of its classes that aren't among ``classes`` count as a wrong answer."""
    predicted = head.predict(catalog.embeddings(head.backbone, images))
    names = list(classes)
    place = np.array([names.index(cls) if cls in names else len(names) for cls in head.classes], np.int64)[predicted]
    matrix = metrics.confusion(wanted, place, len(names) + 1)
    return _Predicted(matrix, place == wanted)


def _recalls(classes: Sequence[str], old: NDArray[np.int64], new: NDArray[np.int64]) -> tuple[ClassRecall, ...]:
    before, after, sizes = metrics.recalls(old), metrics.recalls(new), new.sum(axis=1)
    return tuple(ClassRecall(cls, int(sizes[row]), _share(before[row]), _share(after[row])) for row, cls in enumerate(classes))


def _share(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _days(days: Sequence[dt.date], old: NDArray[np.bool_], new: NDArray[np.bool_]) -> tuple[DayScore, ...]:
    kept, place = np.unique(np.array(days, "datetime64[D]"), return_inverse=True)
    counts = [np.bincount(place, weights=weights, minlength=len(kept)) for weights in (np.ones(len(days)), old, new)]
    rows = zip(kept.tolist(), *(count.astype(int).tolist() for count in counts), strict=True)
    return tuple(DayScore(*row) for row in rows)
