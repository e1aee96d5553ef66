"""Intervals of shares: how often something happens, from how often it did.

One share gets Wilson's score interval (Journal of the American Statistical Association 22, 1927, 209-212), the difference of two
Newcombe's hybrid of two of these (Statistics in Medicine 17, 1998, 873-890, method 10). Both hold where cases are few and shares
near 0 or 1; the textbook's interval shrinks to nothing there.
"""

from math import sqrt
from statistics import NormalDist

from perennial.evaluation.bootstrap import Interval

Count = tuple[int, int]
"""How many had it, of how many."""


def share(count: Count, *, level: float = 0.95) -> Interval | None:
    """Return a share with its interval; None of none."""
    hits, of = count
    if not 0 <= hits <= of:
        raise ValueError(f"{hits} of {of} is no share")
    if not of:
        return None
    z2 = NormalDist().inv_cdf((1 + level) / 2) ** 2 / of
    value = hits / of
    middle, half = (value + z2 / 2) / (1 + z2), sqrt(value * (1 - value) * z2 + z2 * z2 / 4) / (1 + z2)
    low, high = (middle - half if hits else 0.0), (middle + half if hits < of else 1.0)
    return Interval(value=value, low=low, high=high)


def difference(first: Count, second: Count, *, level: float = 0.95) -> Interval | None:
    """Return by how much the first share exceeds the second, of independent cases; None where there are none on a side."""
    one, other = share(first, level=level), share(second, level=level)
    if one is None or other is None:
        return None
    value = one.value - other.value
    below = sqrt((one.value - one.low) ** 2 + (other.high - other.value) ** 2)
    above = sqrt((one.high - one.value) ** 2 + (other.value - other.low) ** 2)
    return Interval(value=value, low=value - below, high=value + above)
