"""Sums of images by class and period: the part of the state from which class means are read out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.learning.periods import age_in_days, period_number

Arrays = dict[str, NDArray[Any]]
PRIOR_IMAGES = 10.0
SPAN_IMAGES = 50
FEW_CELLS = 64


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
    def of(cls, vectors: NDArray[np.int16], classes: NDArray[np.int64], sign: int, periods: NDArray[np.str_]) -> "Cells":
        """Return the cells of images that are all learnt (sign 1) or all taken away (-1)."""
        names, position = np.unique(periods, return_inverse=True)
        numbers = np.array([period_number(str(name)) for name in names], np.int64)[position]
        return _gather(numbers, classes.astype(np.int64), np.full(len(classes), sign), vectors, sign)

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
        return _gather(
            np.concatenate([self.periods, other.periods]),
            np.concatenate([self.classes, other.classes]),
            np.concatenate([self.counts, other.counts]),
            np.concatenate([self.sums, other.sums]),
        )

    @property
    def images(self) -> int:
        """Images in all cells."""
        return int(self.counts.sum())

    def centre(self) -> NDArray[np.float64]:
        """Return the mean of all images, [d]; zero where there is none."""
        mean: NDArray[np.float64] = self.sums.sum(axis=0) / max(self.images, 1)
        return mean

    def spans(self) -> "Cells":
        """Return the cells with neighbouring periods of a class merged, newest first, until each holds 50 images."""
        order = np.lexsort((-self.periods, self.classes))
        spans = np.empty(len(order), np.int64)
        span, size, before = -1, SPAN_IMAGES, -1
        for row in order:
            if self.classes[row] != before or size >= SPAN_IMAGES:
                span, size, before = span + 1, 0, self.classes[row]
            size += self.counts[row]
            spans[row] = span
        return _gather(spans, self.classes, self.counts, self.sums)

    def between(self) -> NDArray[np.float64]:
        """Return rows [k, d] whose squares sum to what the cells' means contribute to the second moment."""
        return self.sums / np.sqrt(np.maximum(self.counts, 1))[:, None]

    def means(self, classes: int, half_life: float | None) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return each class's mean [c, d] with images weighted by age, and which classes have any image [c]."""
        onehot = (self.classes[None, :] == np.arange(classes)[:, None]).astype(np.float64)
        weighted, sums = onehot * decay(self.periods, half_life), self.sums.astype(np.float64)
        return faded_means(onehot @ sums, onehot @ self.counts, weighted @ sums, weighted @ self.counts)


def decay(periods: NDArray[np.int64], half_life: float | None) -> NDArray[np.float64]:
    """Return the weight of each period [k]: 1 for the newest, a half ``half_life`` days before."""
    return np.ones(len(periods)) if half_life is None else np.exp2(-age_in_days(periods) / half_life)


def faded_means(
    sums: NDArray[np.float64], counts: NDArray[np.float64], faded_sums: NDArray[np.float64], faded_counts: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return class means [c, d] from plain and faded sums, and which classes have any image [c].

    A faded mean of few images is noise, so it is drawn towards a prior worth ten images: the class's plain mean, moved by what
    the classes together have moved. A rare class thus follows a new style before it was seen in it.
    """
    seen = counts > 0.5
    plain = sums / np.where(seen, counts, 1)[:, None]
    moved = (faded_sums - faded_counts[:, None] * plain).sum(axis=0) / max(float(faded_counts.sum()), 1e-9)
    means = (faded_sums + PRIOR_IMAGES * (plain + moved)) / (faded_counts + PRIOR_IMAGES)[:, None]
    return np.where(seen[:, None], means, 0.0), seen


def _gather(
    periods: NDArray[np.int64], classes: NDArray[np.int64], counts: NDArray[np.int64], sums: NDArray[Any], sign: int = 1
) -> Cells:
    """Add up rows of the same (period, class), ``sums`` times ``sign``, sort them and drop the empty ones."""
    if not len(periods):
        return Cells.empty(sums.shape[1])
    order = np.lexsort((classes, periods))
    periods, classes = periods[order], classes[order]
    first = np.flatnonzero(np.r_[True, (periods[1:] != periods[:-1]) | (classes[1:] != classes[:-1])])
    counts = np.add.reduceat(counts[order], first)
    total = sign * _added(sums, order, first)
    keep = (counts != 0) | total.any(axis=1)
    return Cells(periods[first][keep], classes[first][keep], counts[keep], total[keep])


def _added(rows: NDArray[Any], order: NDArray[np.int64], first: NDArray[np.int64]) -> NDArray[np.int64]:
    """Add up rows [n, d], taken in an order, from each first one to the next; of many small integers by a matrix product."""
    if rows.dtype != np.int16 or len(first) > FEW_CELLS:
        return np.asarray(np.add.reduceat(rows[order], first, axis=0, dtype=np.int64))
    member = np.zeros((len(first), len(order)))
    member[np.repeat(np.arange(len(first)), np.diff(np.r_[first, len(order)])), order] = 1
    return np.asarray((member @ rows.astype(np.float64)).astype(np.int64))
