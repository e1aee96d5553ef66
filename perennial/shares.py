"""How sure a share is that was counted on a few."""

from math import sqrt
from statistics import NormalDist


def wilson(hits: int, of: int, *, level: float = 0.95) -> tuple[float, float]:
    """Return the ends of Wilson's score interval of a share, from 0 to 1; all of that where ``of`` is 0.

    Journal of the American Statistical Association 22, 1927, 209-212. It holds where cases are few and shares near 0 or 1.

    Raises:
        ValueError: ``hits`` of ``of`` is no share.
    """
    if not 0 <= hits <= of:
        raise ValueError(f"{hits} of {of} is no share")
    if not of:
        return 0.0, 1.0
    z2 = NormalDist().inv_cdf((1 + level) / 2) ** 2 / of
    value = hits / of
    middle, half = (value + z2 / 2) / (1 + z2), sqrt(value * (1 - value) * z2 + z2 * z2 / 4) / (1 + z2)
    return (middle - half if hits else 0.0), (middle + half if hits < of else 1.0)
