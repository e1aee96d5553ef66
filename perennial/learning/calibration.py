"""The calibration split: a bounded set of the newest images, and what is set on it."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perennial.learning.readout import Readout

Arrays = dict[str, NDArray[Any]]
LARGEST = 1000
UNFAMILIAR_SHARE = 0.01


@dataclass(frozen=True)
class CalibrationSet:
    """The newest images of the calibration split; none of them is learnt.

    Shapes: images uint8 [n, 32] (the ids' bytes), vectors int16 [n, d], classes int64 [n], days int64 [n] (ordinals).
    """

    images: NDArray[np.uint8]
    vectors: NDArray[np.int16]
    classes: NDArray[np.int64]
    days: NDArray[np.int64]

    @classmethod
    def empty(cls, dims: int) -> "CalibrationSet":
        """Return a set without images."""
        none = np.empty(0, np.int64)
        return cls(np.empty((0, 32), np.uint8), np.empty((0, dims), np.int16), none, none)

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "CalibrationSet":
        """Return the set that ``arrays`` gave."""
        return cls(*(np.asarray(arrays[name]) for name in ("images", "vectors", "classes", "days")))

    def arrays(self) -> Arrays:
        """Return the set as named arrays."""
        return {"images": self.images, "vectors": self.vectors, "classes": self.classes, "days": self.days}

    def __len__(self) -> int:
        return len(self.classes)

    def without(self, images: Collection[str]) -> "CalibrationSet":
        """Return the set without some images."""
        gone = set(images)
        return self._at(np.array([row.tobytes().hex() not in gone for row in self.images], np.bool_))

    def plus(self, other: "CalibrationSet") -> "CalibrationSet":
        """Return the newest images of both, in an order that depends on nothing but the images."""
        mine, theirs = self.arrays(), other.arrays()
        both = CalibrationSet.from_arrays({name: np.concatenate([mine[name], theirs[name]]) for name in mine})
        ids = [row.tobytes() for row in both.images]
        order = sorted(range(len(ids)), key=lambda i: (-int(both.days[i]), ids[i]))[:LARGEST]
        return both._at(np.array(order, np.int64))

    def _at(self, rows: NDArray[Any]) -> "CalibrationSet":
        return CalibrationSet(self.images[rows], self.vectors[rows], self.classes[rows], self.days[rows])


def temperature(readout: Readout, images: CalibrationSet, fallback: float) -> float:
    """Return what logits are divided by so that probabilities are as likely as they say, to four digits.

    Minimises the negative log-likelihood (Guo et al. 2017) with targets smoothed by one image, so that a handful of images
    that are all classified well doesn't make the head sure of everything. Without images: ``fallback``.
    """
    logits = readout.logits(images.vectors)
    known = np.isfinite(readout.bias)
    rows = known[images.classes] if len(images) else np.zeros(0, np.bool_)
    if not rows.any() or known.sum() < 2:
        return fallback
    logits, classes = logits[rows][:, known], (np.cumsum(known) - 1)[images.classes[rows]]
    return float(f"{np.exp(_best(logits, _smoothed(logits, classes))):.4g}")


def calibrated(logits: NDArray[np.float64], classes: NDArray[np.int64]) -> tuple[float, NDArray[np.float64]]:
    """Return the best temperature of logits [n, c], and each image's negative log-likelihood under it, [n]."""
    targets = _smoothed(logits, classes)
    heat = float(np.exp(_best(logits, targets)))
    return heat, _losses(logits / heat, targets)


def unfamiliar_threshold(readout: Readout, images: CalibrationSet) -> float | None:
    """Return the distance that one calibration image in a hundred exceeds (the largest of fewer than 100); None without any."""
    if not len(images):
        return None
    distances = np.sort(readout.distances(images.vectors))
    rank = int(np.ceil((len(distances) + 1) * (1 - UNFAMILIAR_SHARE))) - 1
    return float(f"{distances[min(rank, len(distances) - 1)]:.6g}")


def _smoothed(logits: NDArray[np.float64], classes: NDArray[np.int64]) -> NDArray[np.float64]:
    smooth = 1 / (len(logits) + 1)
    targets = np.full(logits.shape, smooth / logits.shape[1])
    targets[np.arange(len(logits)), classes] += 1 - smooth
    return targets


def _best(logits: NDArray[np.float64], targets: NDArray[np.float64]) -> float:
    """Return the logarithm of the temperature under which the mean loss is lowest."""
    return _minimum(lambda log: float(_losses(logits / np.exp(log), targets).mean()), -3.0, 12.0)


def _losses(logits: NDArray[np.float64], targets: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    result: NDArray[np.float64] = -(targets * log_probabilities).sum(axis=1)
    return result


def _minimum(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where a function with one valley is lowest, by golden section."""
    ratio = (5**0.5 - 1) / 2
    for _ in range(40):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, right) if function(left) <= function(right) else (left, high)
    return (low + high) / 2
