"""Suspicious batches: figures on which a whole batch of labels is judged, never an image alone.

Two figures, each beside what the champion's own learnt images reach:

- *agreement*: how often the champion agrees with the labels of images that look familiar to it. Judged where the batch's style
  is the one that the champion learnt, which a domain classifier says.
- *reproduction*: how often labels are found again by the nearest class mean of the batch's other posts. Judged always.

What neither can see: labels that are wrong but consistent on a day of new style, such as two classes swapped as a whole. The
champion can't disagree with what it doesn't know, and the labels reproduce each other.

What they see badly: a part of the labels set to one frequent class, which leaves most labels as they were, and anything wrong in
the first days after a sudden change of style, while the champion's own level is low. Distances of single images don't show a
change of style either (few of its images are farther out than the calibration images), so the domain classifier decides that.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from perennial.evaluation.bootstrap import Interval, clustered_mean
from perennial.learning.half_life import fold_of
from perennial.learning.head import Head
from perennial.learning.readout import whiten

WIDTH = 3.0
CHUNKS = 3
LARGEST = 1000


@dataclass(frozen=True)
class Sample:
    """Labelled images: vectors int16 [n, d], classes int64 [n] (positions), posts [n]."""

    vectors: NDArray[np.int16]
    classes: NDArray[np.int64]
    posts: NDArray[Any]

    def __len__(self) -> int:
        return len(self.classes)

    def at(self, rows: NDArray[Any] | slice) -> "Sample":
        """Return some of the images."""
        return Sample(self.vectors[rows], self.classes[rows], self.posts[rows])


class BatchFigures(BaseModel):
    """What is known of one batch's labels; a difference is against the champion's level on what it learnt."""

    model_config = ConfigDict(frozen=True)

    batch: str
    images: int
    counted: int
    posts: int
    familiar: float
    domain: float
    agreement: float | None
    agreement_difference: Interval | None
    reproduction: float | None
    reproduction_difference: Interval | None


def figures(
    name: str, batch: Sample, theirs: Sample, unlearnt: Sample, learnt: Sample, champion: Head, challenger: Head
) -> BatchFigures:
    """Compute a batch's figures.

    ``batch`` and ``unlearnt`` are under the backbone of the champion, ``theirs`` (the same batch) and ``learnt`` under that of
    the challenger.
    ``unlearnt`` are images that the champion hasn't learnt though it has their batches (held out, or for calibration);
    ``learnt`` its newest images of all splits, newest first. Images of a class that the champion doesn't know don't count.
    """
    known = np.isfinite(champion.readout.bias)
    counted, theirs = batch.at(known[batch.classes]), theirs.at(known[theirs.classes])
    if not len(counted):
        return BatchFigures(
            batch=name, images=len(batch), counted=0, posts=0, familiar=0, domain=0.5,
            agreement=None, agreement_difference=None, reproduction=None, reproduction_difference=None,
        )  # fmt: skip
    familiar = ~champion.unfamiliar(counted.vectors)
    domain, alike = style(counted, unlearnt, champion)
    agreed = _agreement(counted.at(familiar), unlearnt.at(alike), champion)
    reproduced = _reproduction(theirs, learnt, challenger)
    return BatchFigures(
        batch=name,
        images=len(batch),
        counted=len(counted),
        posts=len(np.unique(counted.posts)),
        familiar=float(familiar.mean()),
        domain=domain,
        agreement=agreed[0],
        agreement_difference=agreed[1],
        reproduction=reproduced[0],
        reproduction_difference=reproduced[1],
    )


def _agreement(batch: Sample, reference: Sample, champion: Head) -> tuple[float | None, Interval | None]:
    """Return how often the champion agrees with the labels, and that minus its accuracy on familiar images it hasn't learnt."""
    if not len(batch):
        return None, None
    mean, error = clustered_mean(champion.predict(batch.vectors) == batch.classes, batch.posts)
    reference = reference.at(~champion.unfamiliar(reference.vectors))
    if not len(reference):
        return mean, None
    level, spread = clustered_mean(champion.predict(reference.vectors) == reference.classes, reference.posts)
    return mean, _difference(mean, error, level, spread)


def _reproduction(batch: Sample, learnt: Sample, challenger: Head) -> tuple[float | None, Interval | None]:
    """Return how often the batch's labels are reproduced, and that minus the same on as many learnt images."""
    batch = batch.at(slice(0, LARGEST))
    own = reproduced(batch, challenger)
    if own is None:
        return None, None
    size = len(batch)
    chunks = [learnt.at(slice(start, start + size)) for start in range(0, min(len(learnt), CHUNKS * size), size)]
    levels = [found for chunk in chunks if len(chunk) >= 0.8 * size and (found := reproduced(chunk, challenger))]
    if not levels:
        return own[0], None
    return own[0], _difference(*own, *_usual(levels))


def _usual(levels: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the usual level of as many images as a batch has, and how far a batch may be from it by itself.

    Levels differ more than by chance where styles differ, and so may the batch's.
    """
    means, errors = np.array(levels).T
    noise = float(np.mean(errors**2))
    between = max(0.0, float(np.var(means, ddof=1)) - noise) if len(levels) > 1 else 0.0
    return float(means.mean()), float(np.sqrt(noise / len(levels) + between * (1 + 1 / len(levels))))


def _difference(mean: float, error: float, level: float, spread: float) -> Interval:
    width = WIDTH * float(np.hypot(error, spread))
    return Interval(value=mean - level, low=mean - level - width, high=mean - level + width)


def reproduced(sample: Sample, head: Head) -> tuple[float, float] | None:
    """Return the share of labels that the nearest class mean of other posts gives again, and its standard error.

    Five folds by post, in the head's whitened space. Classes of fewer than two posts can't be reproduced and don't count; None
    where fewer than two classes are left.
    """
    rows = _whitened(sample.vectors, head)
    countable = np.array([len(np.unique(sample.posts[sample.classes == cls])) > 1 for cls in range(len(head.classes))])
    keep = countable[sample.classes]
    if countable.sum() < 2:
        return None
    rows, classes, posts = rows[keep], sample.classes[keep], sample.posts[keep]
    folds = fold_of(posts.tolist())
    right = np.zeros(len(classes), np.bool_)
    for fold in np.unique(folds):
        inside = folds == fold
        right[inside] = _nearest(rows[~inside], classes[~inside], rows[inside], len(head.classes)) == classes[inside]
    return clustered_mean(right, posts)


def style(batch: Sample, reference: Sample, head: Head) -> tuple[float, NDArray[np.bool_]]:
    """Return how well a classifier tells the batch from the reference, and which reference images look like the batch's.

    The first is the area under its curve, 0.5 not at all, 1 always. A reference image looks like the batch's where its score
    is above that of the tenth of the batch with the lowest. Five folds by post.
    """
    if not len(batch) or not len(reference):
        return 0.5, np.ones(len(reference), np.bool_)
    rows = _whitened(np.concatenate([batch.vectors, reference.vectors]), head)
    own = np.arange(len(rows)) < len(batch)
    folds = fold_of([*batch.posts.tolist(), *reference.posts.tolist()])
    scores = np.zeros(len(rows))
    for fold in np.unique(folds):
        inside = folds == fold
        sides = [rows[~inside & own], rows[~inside & ~own]]
        if min(map(len, sides)):
            means = [side.mean(axis=0) for side in sides]
            scores[inside] = (rows[inside] - (means[0] + means[1]) / 2) @ (means[0] - means[1])
    return _auc(scores[own], scores[~own]), scores[~own] >= np.quantile(scores[own], 0.1)


def _auc(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    ranks = np.concatenate([first, second]).argsort(kind="stable").argsort(kind="stable")[: len(first)] + 1
    return float((ranks.sum() - len(first) * (len(first) + 1) / 2) / (len(first) * len(second)))


def _whitened(vectors: NDArray[np.int16], head: Head) -> NDArray[Any]:
    return whiten((vectors - head.readout.centre).astype(np.float32), head.readout.whitener)


def _nearest(rows: NDArray[Any], classes: NDArray[np.int64], asked: NDArray[Any], count: int) -> NDArray[np.int64]:
    onehot = (classes[None, :] == np.arange(count)[:, None]).astype(rows.dtype)
    sizes = onehot.sum(axis=1)
    means = onehot @ rows / np.maximum(sizes, 1)[:, None]
    logits = asked @ means.T - 0.5 * (means**2).sum(axis=1) + np.where(sizes > 0, 0, -np.inf)
    return np.asarray(logits.argmax(axis=1), np.int64)
