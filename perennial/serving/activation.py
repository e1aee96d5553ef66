"""Class activation maps: which parts of a picture spoke for a class (Zhou et al. 2016).

A head is linear and a network's features are the mean of its last feature map, so a logit is the mean of what each cell of
the map adds to it, up to a constant: the map of a class is exact, and costs no second pass.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perennial.learning.head import Head

EXACT = 0.02
"""Largest share by which the map's mean may differ from the features, beyond their rounding, where it is called exact."""


@dataclass(frozen=True)
class ClassMap:
    """What each cell of a picture adds to a class's lead over the mean of the other classes, in calibrated logits, [h, w].

    ``lead`` is that lead. With ``exact``, it is ``bias`` plus the mean of ``contributions``, up to the rounding of features;
    otherwise something stands between pooling and head that isn't linear, and the map is only near the truth.
    """

    contributions: NDArray[np.float64]
    bias: float
    lead: float
    exact: bool

    @property
    def shown(self) -> NDArray[np.float64]:
        """What speaks for the class, from 0 to 1 where most does, [h, w]; all 0 where nothing does."""
        for_it = np.clip(self.contributions, 0.0, None)
        most = for_it.max()
        return for_it / most if most > 0 else for_it


def class_map(head: Head, features: NDArray[np.float32], vector: NDArray[np.int16], scale: float, cls: int) -> ClassMap:
    """Return the map of one class.

    The weights are the class's less the mean of those of all other classes that were learnt. A cell is compared with the mean
    of what was learnt, so that 0 is a cell that says no more than a usual picture does.

    Args:
        head: what classifies.
        features: the last feature map, [d, h, w].
        vector: the picture's vector, int16 [d].
        scale: the backbone's; a feature is its integer times this.
        cls: the class's position.
    """
    weight, bias = _contrast(head, cls)
    centre = head.readout.centre
    cells = features.astype(np.float64) / scale
    seen = np.tensordot(weight, cells, axes=1) - weight @ centre
    pooled, rounded = cells.mean(axis=(1, 2)), vector.astype(np.float64)
    allowed = EXACT * np.linalg.norm(rounded) + 0.5 * np.sqrt(len(rounded))
    return ClassMap(
        contributions=seen / head.temperature,
        bias=float(bias + weight @ centre) / head.temperature,
        lead=float(weight @ rounded + bias) / head.temperature,
        exact=bool(np.linalg.norm(pooled - rounded) <= allowed),
    )


def _contrast(head: Head, cls: int) -> tuple[NDArray[np.float64], float]:
    """Return weights [d] and bias of a class less the mean of the other learnt classes'."""
    weight, bias = head.readout.weight, head.readout.bias
    others = np.isfinite(bias)
    others[cls] = False
    if not others.any():
        return weight[cls], float(bias[cls])
    return weight[cls] - weight[others].mean(axis=0), float(bias[cls] - bias[others].mean())
