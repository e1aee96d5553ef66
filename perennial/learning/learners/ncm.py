"""Nearest class mean: the floor that every other learner must beat."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from perennial.learning.learners.base import Arrays, Events, Learner
from perennial.learning.learners.cells import Cells


class Ncm(Learner):
    """Euclidean distance to class means, in units of the scatter within (class, period)."""

    name: ClassVar[str] = "ncm"

    def __init__(self, dims: int, classes: int, shrinkage: float | None = None) -> None:
        super().__init__(dims, classes, shrinkage)
        self.norms = 0

    def apply(self, events: Events) -> None:
        """Learn or take away images."""
        for sign, block in events.blocks():
            self.cells = self.cells.plus(Cells.of(block.vectors, block.classes, sign, block.periods))
            self.norms += sign * int((block.vectors.astype(np.int64) ** 2).sum())

    def whitener(self) -> NDArray[np.float64]:
        """Return the scale [1] that makes the mean variance within (class, period) one."""
        spans = self.cells.spans()
        freedom = spans.images - len(spans.counts)
        scatter = self.norms - float((spans.between() ** 2).sum())
        if freedom < 1 or scatter <= 0:
            return np.ones(1)
        return np.array([np.sqrt(freedom * self.dims / scatter)])

    def moments(self) -> Arrays:
        """Return the sum of squared norms, [1]."""
        return {"norms": np.array([self.norms], np.int64)}

    def set_moments(self, arrays: Arrays) -> None:
        """Take over a sum that ``moments`` gave."""
        if arrays["norms"].shape != (1,):
            raise ValueError(f"its sum of squared norms has the shape {arrays['norms'].shape}")
        self.norms = int(arrays["norms"][0])
