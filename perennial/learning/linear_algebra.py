"""Small pieces of linear algebra that numpy lacks."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[Any]


def oas(covariance: Matrix, samples: int) -> float:
    """Return the oracle approximating shrinkage of a covariance matrix [d, d] (Chen et al. 2010, equation 23), in [0, 1]."""
    dims = len(covariance)
    level = np.trace(covariance) / dims
    alpha = np.mean(covariance**2)
    denominator = (samples + 1) * (alpha - level**2 / dims)
    return 1.0 if denominator <= 0 else float(min((alpha + level**2) / denominator, 1.0))


def inverse_of_lower(lower: Matrix) -> Matrix:
    """Return the inverse of a lower triangular matrix, block by block, so that nearly all work is matrix products."""
    size = len(lower)
    if size <= 64:
        return np.tril(np.linalg.inv(lower))
    half = size // 2
    inverse = np.zeros_like(lower)
    first, last = inverse_of_lower(lower[:half, :half]), inverse_of_lower(lower[half:, half:])
    inverse[:half, :half], inverse[half:, half:] = first, last
    inverse[half:, :half] = -last @ (lower[half:, :half] @ first)
    return inverse
