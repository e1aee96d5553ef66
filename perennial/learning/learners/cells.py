"""Sums of images by class and period: the part of the state from which class means are read out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.learning.periods import age_in_days, period_number

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Cells:
    """One row for each (period, class) that holds images, sorted; a row whose last image is taken away disappears.

    Shapes: periods int64 [k] (20261120 or 202611), classes int64 [k], counts int64 [k], sums int64 [k, d].
    """

    periods: NDArray[np.int64]
    classes: NDArray[np.int64]
    counts: NDArray[np.int64]
    sums: NDArray[np.int64]

    @classmethod
    def empty(cls, dims: int) -> "Cells":
        """Return no cells."""
        none = np.empty(0, np.int64)
        return cls(none, none, none, np.empty((0, dims), np.int64))

    @classmethod
    def of(
        cls, vectors: NDArray[np.int16], classes: NDArray[np.int64], weights: NDArray[np.int64], periods: NDArray[np.str_]
    ) -> "Cells":
        """Return the cells of weighted images."""
        names, position = np.unique(periods, return_inverse=True)
        numbers = np.array([period_number(str(name)) for name in names], np.int64)[position]
        rows = vectors.astype(np.int64) * weights[:, None]
        return _gather(numbers, classes.astype(np.int64), weights.astype(np.int64), rows)

    @classmethod
    def from_arrays(cls, arrays: Arrays, dims: int) -> "Cells":
        """Return the cells that ``arrays`` gave."""
        sums = arrays["cells.sums"]
        if sums.ndim != 2 or sums.shape[1] != dims:
            raise ValueError(f"its sums have the shape {sums.shape}")
        parts = [
            np.ascontiguousarray(arrays[f"cells.{name}"], dtype=np.int64) for name in ("periods", "classes", "counts", "sums")
        ]
        return cls(*parts)

    def arrays(self) -> Arrays:
        """Return the cells as named arrays."""
        return {
            "cells.periods": self.periods,
            "cells.classes": self.classes,
            "cells.counts": self.counts,
            "cells.sums": self.sums,
        }

    def plus(self, other: "Cells") -> "Cells":
        """Return both together."""
        pairs = zip(
            (self.periods, self.classes, self.counts, self.sums),
            (other.periods, other.classes, other.counts, other.sums),
            strict=True,
        )
        return _gather(*(np.concatenate(pair) for pair in pairs))

    @property
    def images(self) -> int:
        """Images in all cells."""
        return int(self.counts.sum())

    def centre(self) -> NDArray[np.float64]:
        """Return the mean of all images, [d]; zero where there is none."""
        mean: NDArray[np.float64] = self.sums.sum(axis=0) / max(self.images, 1)
        return mean

    def between(self) -> NDArray[np.float64]:
        """Return rows [k, d] whose squares sum to what the cells' means contribute to the second moment."""
        return self.sums / np.sqrt(np.maximum(self.counts, 1))[:, None]

    def means(self, classes: int, half_life: float | None) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return each class's mean [c, d], weighted by age from the class's own newest period, and which have any image [c]."""
        weights = self.decay(half_life)
        onehot = (self.classes[None, :] == np.arange(classes)[:, None]) * weights
        total = onehot @ self.counts
        means = onehot @ self.sums.astype(np.float64) / np.where(total > 0, total, 1)[:, None]
        return means, total > 0

    def decay(self, half_life: float | None) -> NDArray[np.float64]:
        """Return the weight of each cell [k]: 1 in its class's newest period, a half each ``half_life`` days before."""
        if half_life is None or not len(self.periods):
            return np.ones(len(self.periods))
        age = age_in_days(self.periods)
        newest = np.full(int(self.classes.max()) + 1, np.inf)
        np.minimum.at(newest, self.classes, age)
        return np.asarray(np.exp2(-(age - newest[self.classes]) / half_life))


def _gather(periods: NDArray[np.int64], classes: NDArray[np.int64], counts: NDArray[np.int64], sums: NDArray[np.int64]) -> Cells:
    """Add up rows of the same (period, class), sort them and drop the empty ones."""
    if not len(periods):
        return Cells.empty(sums.shape[1])
    order = np.lexsort((classes, periods))
    periods, classes = periods[order], classes[order]
    first = np.flatnonzero(np.r_[True, (periods[1:] != periods[:-1]) | (classes[1:] != classes[:-1])])
    counts = np.add.reduceat(counts[order], first)
    sums = np.add.reduceat(sums[order], first, axis=0)
    keep = (counts != 0) | sums.any(axis=1)
    return Cells(periods[first][keep], classes[first][keep], counts[keep], sums[keep])
