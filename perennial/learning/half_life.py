"""How fast the past fades: the half-life that would have classified the newest images best, had they not been learnt."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.learning.learners.base import Events, Learner
from perennial.learning.learners.cells import Cells, decay, faded_means
from perennial.learning.periods import Length, period_number
from perennial.learning.readout import whiten

LARGEST, ENOUGH = 300, 100
FOLDS = 5
NEGLIGIBLE = 100
"""So many times the newest images learnt, and leaving them out of the covariance changes nothing that matters."""


def candidates(length: Length) -> tuple[float | None, ...]:
    """Return the half-lives in days that are tried, longest first; None: the past never fades."""
    unit = 1.0 if length == "day" else 30.0
    return (None, *(unit * 2**power for power in range(7, -1, -1)))


def choose(
    learner: Learner,
    newest: Events,
    posts: Sequence[str],
    length: Length,
    *,
    whitener: NDArray[np.float64],
    current: float | None = None,
) -> float | None:
    """Return the half-life under which ``newest``, all of them learnt (+1), is classified best without peeking.

    Each image is classified from what its own period and the periods before it hold, without the images of its fifth of the
    posts (test-then-train where a period holds little, cross-validation where it holds much); the covariance is that of all
    other images, or ``whitener``, the learner's own, where the newest are a negligible part. ``current``, the champion's,
    stays unless another is right on more images by over half a standard error of the images on which the two differ.
    """
    options = candidates(length)
    cells, centre = learner.cells, learner.cells.centre()
    if 2 * len(newest.classes) < cells.images < NEGLIGIBLE * len(newest.classes):
        rest = learner.copy()
        rest.apply(newest.negated())
        whitener, centre = rest.whitener(), rest.cells.centre()
    raw = cells.sums - cells.counts[:, None] * centre
    few = len(raw) <= len(np.unique(newest.periods)) * (len(options) + 1) * learner.classes
    early = whiten(raw, whitener) if few else raw

    def project(weights: NDArray[Any]) -> NDArray[Any]:
        return weights @ early if few else whiten(weights @ early, whitener)

    images = _Images(whiten(newest.vectors - centre, whitener), newest.classes, _numbers(newest), fold_of(posts))
    hits = [_hits(cells, project, learner.classes, images, option) for option in options]
    best = int(np.argmax([right.sum() for right in hits]))
    if current in options:
        kept = hits[options.index(current)]
        differ = int((hits[best] != kept).sum())
        if hits[best].sum() - kept.sum() <= 0.5 * np.sqrt(differ):
            return current
    return options[best]


@dataclass(frozen=True)
class _Images:
    """Whitened vectors [n, d], classes, period numbers and folds [n]."""

    rows: NDArray[Any]
    classes: NDArray[np.int64]
    periods: NDArray[np.int64]
    folds: NDArray[np.int64]


def _numbers(events: Events) -> NDArray[np.int64]:
    return np.array([period_number(str(period)) for period in events.periods], np.int64)


def _hits(
    cells: Cells, project: Callable[[NDArray[Any]], NDArray[Any]], classes: int, images: _Images, half_life: float | None
) -> NDArray[np.bool_]:
    """Return which of the newest images [n] are classified well under a half-life; ``project`` gives whitened sums of cells."""
    hits = np.zeros(len(images.classes), np.bool_)
    for period in np.unique(images.periods):
        past = cells.periods <= period
        onehot = (cells.classes[past][None, :] == np.arange(classes)[:, None]).astype(np.float64)
        faded = onehot * decay(cells.periods[past], half_life)
        plain_sums, faded_sums = project(_spread(onehot, past)), project(_spread(faded, past))
        plain_counts, faded_counts = onehot @ cells.counts[past], faded @ cells.counts[past]
        for fold in np.unique(images.folds[images.periods == period]):
            inside = (images.periods == period) & (images.folds == fold)
            asked, own = images.rows[inside], images.classes[inside]
            out = (own[None, :] == np.arange(classes)[:, None]).astype(np.float64)
            left, gone = out @ asked, out.sum(axis=1)
            means, seen = faded_means(plain_sums - left, plain_counts - gone, faded_sums - left, faded_counts - gone)
            logits = asked @ means.T - 0.5 * (means**2).sum(axis=1) + np.where(seen, 0, -np.inf)
            hits[inside] = logits.argmax(axis=1) == own
    return hits


def newest_periods(periods: NDArray[np.str_]) -> int:
    """Return how many of these, newest first, make whole periods of at least a hundred images together."""
    changes = np.flatnonzero(periods[1:] != periods[:-1]) + 1
    whole = changes[changes >= ENOUGH]
    return int(whole[0]) if len(whole) else len(periods)


def fold_of(posts: Sequence[str], folds: int = FOLDS) -> NDArray[np.int64]:
    """Return the fold of each post, [n]; images of one post are never on two sides."""
    return np.array([int(hashlib.sha256(f"fold {post}".encode()).hexdigest()[:8], 16) % folds for post in posts], np.int64)


def _spread(weights: NDArray[Any], past: NDArray[np.bool_]) -> NDArray[Any]:
    """Return weights of the past cells as weights of all cells, 0 for the others."""
    spread = np.zeros((len(weights), len(past)))
    spread[:, past] = weights
    return spread
