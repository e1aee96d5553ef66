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
RECENT = 100
"""How many of them, rounded up to whole days, stand for the world as it is now."""


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
class Figures:
    """Balanced accuracy of both models on the same images of some days; ``lead`` is the champion's less the first's, 95 %."""

    since: dt.date
    until: dt.date
    images: int
    first: float
    champion: float
    lead: Interval | None


@dataclass(frozen=True)
class Comparison:
    """Two versions on the newest held-out images, by class too, on all older ones, and day by day."""

    first: Version
    champion: Version
    newest: Figures
    older: Figures | None
    classes: tuple[ClassRecall, ...]
    days: tuple[DayScore, ...]


@dataclass(frozen=True)
class _Answered:
    """Held-out images, newest first, with the class of each (as a position) and what both models say; all [n]."""

    posts: NDArray[np.str_]
    days: NDArray[np.datetime64]
    classes: NDArray[np.int64]
    first: NDArray[np.int64]
    champion: NDArray[np.int64]

    def at(self, rows: slice) -> "_Answered":
        return _Answered(self.posts[rows], self.days[rows], self.classes[rows], self.first[rows], self.champion[rows])

    def matrix(self, predicted: NDArray[np.int64], count: int) -> NDArray[np.int64]:
        return metrics.confusion(self.classes, predicted, count)


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
    rows = _held_out(catalog, task, classes, {head.backbone for head in heads})
    if not rows.num_rows:
        return None
    answered = _Answered(
        np.array(rows["post"].to_pylist(), np.str_),
        np.array(rows["published"].to_pylist(), "datetime64[D]"),
        np.array([classes.index(cls) for cls in rows["cls"].to_pylist()], np.int64),
        *(_predict(catalog, head, rows["image"].to_pylist(), classes) for head in heads),
    )
    count = int((answered.days >= answered.days[min(RECENT, len(answered.days)) - 1]).sum())
    newest, older = answered.at(slice(count)), answered.at(slice(count, None))
    return Comparison(
        first=first,
        champion=champion,
        newest=_figures(newest, len(classes) + 1),
        older=_figures(older, len(classes) + 1) if len(older.days) else None,
        classes=_recalls(newest, classes),
        days=_days(answered),
    )


def _held_out(catalog: Catalog, task: str, classes: Sequence[str], backbones: Collection[str]) -> pa.Table:
    """Return the newest held-out images of known classes that have embeddings under all these backbones."""
    table = catalog.labelled(task)
    wanted = pc.and_(pc.equal(table["split"], "hold_out"), pc.is_in(table["cls"], pa.array(classes)))
    newest = table.filter(wanted).sort_by([("published", "descending"), ("image", "ascending")]).slice(0, NEWEST)
    ids = newest["image"].to_pylist()
    missing = {image for backbone in backbones for image in catalog.without_embedding(backbone, ids)}
    return newest.filter(pa.array([image not in missing for image in ids], pa.bool_()))


def _predict(catalog: Catalog, head: Head, images: Sequence[str], classes: Sequence[str]) -> NDArray[np.int64]:
    """Return positions in ``classes``, or one beyond them where the model answers a class that isn't among them."""
    places = [classes.index(cls) if cls in classes else len(classes) for cls in head.classes]
    return np.array(places, np.int64)[head.predict(catalog.embeddings(head.backbone, images))]


def _figures(rows: _Answered, count: int) -> Figures:
    right = rows.first == rows.classes, rows.champion == rows.classes
    return Figures(
        since=rows.days.min().item(),
        until=rows.days.max().item(),
        images=len(rows.days),
        first=metrics.balanced_accuracy(rows.matrix(rows.first, count)),
        champion=metrics.balanced_accuracy(rows.matrix(rows.champion, count)),
        lead=paired(Answers(rows.posts.tolist(), rows.classes, *right), balanced=True),
    )


def _recalls(rows: _Answered, classes: Sequence[str]) -> tuple[ClassRecall, ...]:
    before, after = (rows.matrix(predicted, len(classes) + 1) for predicted in (rows.first, rows.champion))
    recalls = zip(classes, after.sum(axis=1), metrics.recalls(before), metrics.recalls(after), strict=False)
    return tuple(ClassRecall(cls, int(size), _share(old), _share(new)) for cls, size, old, new in recalls)


def _share(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _days(rows: _Answered) -> tuple[DayScore, ...]:
    days, place = np.unique(rows.days, return_inverse=True)
    weights = np.ones(len(place)), rows.first == rows.classes, rows.champion == rows.classes
    counts = [np.bincount(place, weights=weight, minlength=len(days)).astype(int).tolist() for weight in weights]
    return tuple(DayScore(*row) for row in zip(days.tolist(), *counts, strict=True))
