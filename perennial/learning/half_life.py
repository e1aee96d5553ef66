"""How fast the past fades: the half-life that would have classified the newest images best, had they not been learnt."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.learning.learners.base import Events, Learner
from perennial.learning.learners.cells import Cells
from perennial.learning.periods import Length, age_in_days, period_number
from perennial.learning.readout import whiten

LARGEST = 1000
FOLDS = 5
FLOOR = 1e-9


def candidates(length: Length) -> tuple[float | None, ...]:
    """Return the half-lives in days that are tried, longest first; None: the past never fades."""
    unit = 1.0 if length == "day" else 30.0
    return (None, *(unit * 2**power for power in range(7, -1, -1)))


def choose(learner: Learner, newest: Events, posts: Sequence[str], length: Length) -> float | None:
    """Return the half-life under which ``newest``, all of them learnt (+1), is classified best without peeking.

    Each image is classified from what its own period and the periods before it hold, without the images of its fifth of the
    posts (test-then-train where a period holds little, cross-validation where it holds much); the covariance is that of all
    other images. The score is the mean over classes of recall shrunk by one image; the longest half-life wins a tie.
    """
    options = candidates(length)
    rest = learner.copy()
    rest.apply(newest.negated())
    if rest.cells.images <= learner.cells.images // 2:
        rest = learner
    whitener, centre = rest.whitener(), rest.cells.centre()
    rows = whiten(newest.vectors - centre, whitener)
    sums = whiten(learner.cells.sums - learner.cells.counts[:, None] * centre, whitener)
    hits = np.array([_hits(learner, sums, newest, rows, fold_of(posts), option) for option in options])
    onehot = newest.classes[:, None] == np.arange(learner.classes)
    recall = (hits @ onehot) / (onehot.sum(axis=0) + 1)
    return options[int(recall[:, onehot.any(axis=0)].mean(axis=1).argmax())]


def fold_of(posts: Sequence[str], folds: int = FOLDS) -> NDArray[np.int64]:
    """Return the fold of each post, [n]; images of one post are never on two sides."""
    return np.array([int(hashlib.sha256(f"fold {post}".encode()).hexdigest()[:8], 16) % folds for post in posts], np.int64)


def _hits(
    learner: Learner,
    sums: NDArray[Any],
    newest: Events,
    rows: NDArray[Any],
    folds: NDArray[np.int64],
    half_life: float | None,
) -> NDArray[np.bool_]:
    """Return which of the newest images are classified well under a half-life, [n]."""
    hits = np.zeros(len(newest), np.bool_)
    numbers = np.array([period_number(str(period)) for period in newest.periods], np.int64)
    for number in np.unique(numbers):
        total, count = _class_sums(learner.cells, sums, learner.classes, int(number), half_life)
        for fold in np.unique(folds[numbers == number]):
            inside = (numbers == number) & (folds == fold)
            onehot = (newest.classes[inside][None, :] == np.arange(learner.classes)[:, None]).astype(np.float64)
            left = count - onehot.sum(axis=1)
            means = (total - onehot @ rows[inside]) / np.where(left > 0, left, 1)[:, None]
            logits = rows[inside] @ means.T - 0.5 * (means**2).sum(axis=1) + np.where(left > 0, 0, -np.inf)
            hits[inside] = logits.argmax(axis=1) == newest.classes[inside]
    return hits


def _class_sums(
    cells: Cells, sums: NDArray[Any], classes: int, number: int, half_life: float | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weighted sums [c, d] and counts [c] of the classes as a period ends."""
    past = cells.periods <= number
    age = age_in_days(cells.periods[past])
    weights = np.ones(len(age)) if half_life is None else np.maximum(np.exp2(-age / half_life), FLOOR)
    onehot = (cells.classes[past][None, :] == np.arange(classes)[:, None]) * weights
    return onehot @ sums[past], onehot @ cells.counts[past]
