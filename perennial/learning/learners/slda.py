"""Streaming linear discriminant analysis: class means over one shared covariance, from sums alone.

Hayes and Kanan, "Lifelong machine learning with deep streaming linear discriminant analysis", 2020, with three changes: sums
are kept by class and period, so that old images can be weighed down when the means are read out; scatter is pooled within
(class, period), so that a style of last year doesn't blur this year's (periods of few images are taken together); shrinkage
is computed (Chen et al. 2010), not fixed.
"""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from perennial.learning.learners.base import Arrays, Events, Learner
from perennial.learning.learners.cells import Cells
from perennial.learning.linear_algebra import inverse_of_lower, oas

ROUNDING = 64 * float(np.finfo(np.float64).eps)
"""Rounding of a difference of sums of squares, as a share of those sums."""


class Slda(Learner):
    """Streaming LDA with equal class priors; its state is exact integers held in int64 and float64."""

    name: ClassVar[str] = "slda"

    def __init__(self, dims: int, classes: int, shrinkage: float | None = None) -> None:
        super().__init__(dims, classes, shrinkage)
        self.second = np.zeros((dims, dims))

    def apply(self, events: Events) -> None:
        """Learn or take away images."""
        for sign, block in events.blocks():
            self.cells = self.cells.plus(Cells.of(block.vectors, block.classes, sign, block.periods))
            rows = block.vectors.astype(np.float64)
            self.second += sign * (rows.T @ rows)

    def whitener(self) -> NDArray[np.float64]:
        """Return W [d, d] with W Wᵀ the inverse of the shrunk scatter within (class, span of periods)."""
        spans = self.cells.spans()
        freedom, between = spans.images - len(spans.counts), spans.between()
        scatter = (self.second - between.T @ between) / max(freedom, 1)
        noise = ROUNDING * float(np.trace(self.second)) / self.dims
        covariance = _shrunk(scatter, freedom, self.shrinkage, noise)
        return inverse_of_lower(np.linalg.cholesky(covariance)).T

    def moments(self) -> Arrays:
        """Return the raw second moment's upper triangle, row by row."""
        return {"second": np.concatenate([self.second[i, i:] for i in range(self.dims)])}

    def set_moments(self, arrays: Arrays) -> None:
        """Take over a triangle that ``moments`` gave."""
        triangle = arrays["second"]
        if triangle.shape != (self.dims * (self.dims + 1) // 2,):
            raise ValueError(f"its second moment has the shape {triangle.shape}")
        start = 0
        for i in range(self.dims):
            self.second[i, i:] = self.second[i:, i] = triangle[start : start + self.dims - i]
            start += self.dims - i


def _shrunk(scatter: NDArray[np.float64], freedom: int, shrinkage: float | None, noise: float) -> NDArray[np.float64]:
    """Pull a covariance towards the multiple of the identity with the same trace; the identity where there is no scatter.

    What doesn't exceed ``noise``, the rounding of the difference that the scatter is, is none.
    """
    dims = len(scatter)
    level = float(np.trace(scatter)) / dims
    if freedom < 1 or level <= noise:
        return np.eye(dims)
    share = oas(scatter, freedom) if shrinkage is None else max(shrinkage, 1e-9)
    covariance = (1 - share) * scatter
    covariance[np.diag_indices(dims)] += max(share * level, noise)
    return covariance
