"""Features as 13-bit signed integers, so that sums of their products are exact in float64."""

import math

import numpy as np
import numpy.typing as npt

from perennial.errors import BackboneError

LIMIT = 4095
HEAD_ROOM = 4.0
"""How many times larger than anything seen at export a feature may be before it is clipped."""

Features = npt.NDArray[np.float32]
Vectors = npt.NDArray[np.int16]


def scale_for(features: Features) -> float:
    """Return the scale (feature = integer × scale) for features like these, a power of two.

    A power of two is the same on every machine although features differ in their last bits there.

    Raises:
        BackboneError: the features are constant zero or not finite.
    """
    largest = float(np.abs(features).max()) if features.size else 0.0
    if not math.isfinite(largest) or largest == 0.0:
        raise BackboneError(
            f"The network's features are all {'zero' if largest == 0.0 else 'beyond numbers'}, so they tell nothing apart. "
            "Check that the weights belong to this network."
        )
    return float(2.0 ** math.ceil(math.log2(HEAD_ROOM * largest)) / (LIMIT + 1))


def quantise(features: Features, scale: float) -> tuple[Vectors, int]:
    """Return the features as integers in ±4095, and how many of them had to be clipped to that.

    Raises:
        BackboneError: a feature isn't a finite number.
    """
    if not np.isfinite(features).all():
        raise BackboneError(
            "The network gave features that aren't finite numbers. Its weights or its export are damaged; export it anew."
        )
    steps = np.rint(features / np.float32(scale))
    return np.clip(steps, -LIMIT, LIMIT).astype(np.int16), int(np.count_nonzero(np.abs(steps) > LIMIT))
