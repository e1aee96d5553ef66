"""What a learner is read out to: linear logits, and the distance to the nearest class mean."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_STRIPE = 256


@dataclass(frozen=True)
class Readout:
    """A linear classifier over vectors, with the whitening in which distance has a meaning.

    Shapes: weight [c, d], bias [c] (-inf for a class never seen), centre [d], whitener [d, d] upper triangular, or [1] where it
    is a mere scale.
    """

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    centre: NDArray[np.float64]
    whitener: NDArray[Any]

    @classmethod
    def of(
        cls, means: NDArray[np.float64], seen: NDArray[np.bool_], centre: NDArray[np.float64], whitener: NDArray[np.float64]
    ) -> "Readout":
        """Return the classifier with Gaussian classes of these means [c, d], which share the whitener's covariance."""
        inside = whiten(means - centre, whitener)
        weight = inside @ whitener.T if whitener.ndim == 2 else inside * whitener
        bias = -0.5 * (inside**2).sum(axis=1) - weight @ centre
        if seen.any():
            bias = np.where(seen, bias, -np.inf)
        return cls(weight * seen[:, None], bias, centre, whitener.astype(np.float32))

    def logits(self, vectors: NDArray[np.int16]) -> NDArray[np.float64]:
        """Return log-likelihoods up to a constant, [n, c]."""
        result: NDArray[np.float64] = vectors.astype(np.float64) @ self.weight.T + self.bias
        return result

    def distances(self, vectors: NDArray[np.int16]) -> NDArray[np.float64]:
        """Return the squared Mahalanobis distance to the nearest class mean, divided by the dimensions, [n]."""
        centred = (vectors - self.centre).astype(np.float32)
        norm = (whiten(centred, self.whitener).astype(np.float64) ** 2).sum(axis=1)
        nearest = (self.logits(vectors)).max(axis=1, initial=-np.inf)
        result: NDArray[np.float64] = (norm - 2 * nearest) / self.weight.shape[1]
        return result


def whiten(rows: NDArray[Any], whitener: NDArray[Any]) -> NDArray[Any]:
    """Return rows [n, d] in coordinates in which scatter within a class is the identity.

    A whitener [d, d] is upper triangular, and nothing below its diagonal is read: one row's time goes into reading it.
    """
    if whitener.ndim == 1:
        scaled: NDArray[Any] = rows * whitener
        return scaled
    result = np.empty(rows.shape, np.result_type(rows, whitener))
    for start in range(0, len(whitener), _STRIPE):
        stop = start + _STRIPE
        np.matmul(rows[:, :stop], whitener[:stop, start:stop], out=result[:, start:stop])
    return result
