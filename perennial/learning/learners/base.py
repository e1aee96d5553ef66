"""What every learner has: events go in, a read-out comes out, and the state is a dictionary of arrays."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from perennial.errors import ModelError
from perennial.learning.learners.cells import Cells
from perennial.learning.readout import Readout

Arrays = dict[str, NDArray[Any]]
BLOCK = 4096


@dataclass(frozen=True)
class Events:
    """Images that are learnt (+1) or taken away (-1); a correction is minus under the old class, then plus under the new.

    Shapes: vectors int16 [n, d], classes int [n] (positions in the task's classes), weights ±1 [n], periods str [n]
    ("2026-11" or "2026-11-20").
    """

    vectors: NDArray[np.int16]
    classes: NDArray[np.int64]
    weights: NDArray[np.int64]
    periods: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.vectors)

    def blocks(self) -> Iterator[tuple[int, "Events"]]:
        """Yield 1 and images to learn, -1 and images to take away, in pieces whose float64 vectors fit in memory."""
        for start in range(0, len(self), BLOCK):
            piece = self.at(slice(start, start + BLOCK))
            for sign in (1, -1):
                if (piece.weights == sign).any():
                    yield sign, piece.at(piece.weights == sign)

    def at(self, rows: slice | NDArray[Any]) -> "Events":
        """Return some of the events."""
        return Events(self.vectors[rows], self.classes[rows], self.weights[rows], self.periods[rows])

    def negated(self) -> "Events":
        """Return the events that take these back."""
        return Events(self.vectors, self.classes, -self.weights, self.periods)


class Learner(ABC):
    """A classifier made of sums over images: exact, so its state is the same whatever the order and split of events."""

    name: ClassVar[str]

    def __init__(self, dims: int, classes: int, shrinkage: float | None = None) -> None:
        self.dims, self.classes, self.shrinkage = dims, classes, shrinkage
        self.cells = Cells.empty(dims)

    @abstractmethod
    def apply(self, events: Events) -> None:
        """Learn or take away images."""

    @abstractmethod
    def whitener(self) -> NDArray[np.float64]:
        """Return the matrix [d, d], or the scale [1], that turns scatter within a class into the identity."""

    @abstractmethod
    def moments(self) -> Arrays:
        """Return the second moments that belong to the state, beside the class sums."""

    @abstractmethod
    def set_moments(self, arrays: Arrays) -> None:
        """Take over second moments that ``moments`` gave."""

    def readout(self, half_life: float | None = None, whitener: NDArray[np.float64] | None = None) -> Readout:
        """Return what classifies, with class means in which an image counts half after ``half_life`` days (None: never).

        ``whitener``, this learner's, spares computing it again.
        """
        means, seen = self.cells.means(self.classes, half_life)
        return Readout.of(means, seen, self.cells.centre(), self.whitener() if whitener is None else whitener)

    def logits(self, vectors: NDArray[np.int16], half_life: float | None = None) -> NDArray[np.float64]:
        """Return log-likelihoods up to a constant, [n, c], under equal class priors; -inf for a class never seen."""
        return self.readout(half_life).logits(vectors)

    def counts(self) -> NDArray[np.int64]:
        """Return the images learnt of each class, [c]."""
        return np.bincount(self.cells.classes, weights=self.cells.counts, minlength=self.classes).astype(np.int64)

    def state(self) -> Arrays:
        """Return all that was learnt, bit-equal whatever the order and split of events."""
        return {**self.cells.arrays(), **self.moments()}

    @classmethod
    def from_state(cls, dims: int, classes: int, arrays: Arrays, shrinkage: float | None = None) -> Self:
        """Return the learner whose ``state`` this is.

        Raises:
            ModelError: the arrays aren't those of this learner at this size.
        """
        learner = cls(dims, classes, shrinkage)
        try:
            learner.cells = Cells.from_arrays(arrays, dims)
            learner.set_moments(arrays)
        except (KeyError, ValueError) as error:
            raise ModelError(
                f"The learner state doesn't fit a '{cls.name}' learner of {dims} dimensions ({error}). "
                "Train the task again from scratch, or restore the model folder."
            ) from None
        return learner

    def copy(self) -> Self:
        """Return an independent copy."""
        state = {name: array.copy() for name, array in self.state().items()}
        return type(self).from_state(self.dims, self.classes, state, self.shrinkage)
