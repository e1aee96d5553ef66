"""Figures of one classifier on one set of images: classes are positions, probabilities are [n, c]."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15


def confusion(classes: NDArray[np.int64], predicted: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return how many images of each class (rows) were given each class (columns), [c, c]."""
    return np.bincount(classes * count + predicted, minlength=count * count).reshape(count, count).astype(np.int64)


def recalls(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the share of each class's images that were given their class, [c]; NaN for a class without images."""
    total = matrix.sum(axis=1)
    return np.asarray(np.where(total > 0, np.diag(matrix) / np.maximum(total, 1), np.nan))


def balanced_accuracy(matrix: NDArray[np.int64]) -> float:
    """Return the mean recall of the classes that have images; 0 without any."""
    found = recalls(matrix)
    return float(np.nanmean(found)) if np.isfinite(found).any() else 0.0


def macro_f1(matrix: NDArray[np.int64]) -> float:
    """Return the mean F1 of the classes that have images or were predicted; 0 without any."""
    sizes = matrix.sum(axis=0) + matrix.sum(axis=1)
    present = sizes > 0
    return float((2 * np.diag(matrix)[present] / sizes[present]).mean()) if present.any() else 0.0


def top(probabilities: NDArray[np.float64], classes: NDArray[np.int64], k: int = 3) -> float:
    """Return the share of images whose class is among the ``k`` likeliest; 0 without images."""
    if not len(classes):
        return 0.0
    own = probabilities[np.arange(len(classes)), classes]
    return float(((probabilities > own[:, None]).sum(axis=1) < k).mean())


def calibration_error(probabilities: NDArray[np.float64], classes: NDArray[np.int64]) -> float:
    """Return the expected calibration error of the likeliest class over 15 equal bins (Guo et al. 2017); 0 without images."""
    if not len(classes):
        return 0.0
    sure = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == classes
    bins = np.minimum((sure * BINS).astype(np.int64), BINS - 1)
    gaps = np.bincount(bins, weights=right - sure, minlength=BINS)
    return float(np.abs(gaps).sum() / len(classes))


def by_month(days: NDArray[Any], right: NDArray[np.bool_]) -> dict[str, float]:
    """Return the accuracy on each month's images; ``days`` is datetime64[D] [n]."""
    months = days.astype("datetime64[M]").astype(str)
    return {str(month): float(right[months == month].mean()) for month in np.unique(months)}
