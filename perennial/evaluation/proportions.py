"""Intervals of shares: how often something happens, from how often it did.

One share gets Wilson's score interval (Journal of the American Statistical Association 22, 1927, 209-212), the difference of two
Newcombe's hybrid of two of these (Statistics in Medicine 17, 1998, 873-890, method 10). Both hold where cases are few and shares
near 0 or 1; the textbook's interval shrinks to nothing there.
"""

from math import sqrt

from perennial.evaluation.bootstrap import Interval
from perennial.shares import wilson

Count = tuple[int, int]
"""How many had it, of how many."""


def share(count: Count, *, level: float = 0.95) -> Interval | None:
    """Return a share with its interval; None of none."""
    hits, of = count
    low, high = wilson(hits, of, level=level)
    return Interval(value=hits / of, low=low, high=high) if of else None


def difference(first: Count, second: Count, *, level: float = 0.95) -> Interval | None:
    """Return by how much the first share exceeds the second, of independent cases; None where there are none on a side."""
    one, other = share(first, level=level), share(second, level=level)
    if one is None or other is None:
        return None
    value = one.value - other.value
    below = sqrt((one.value - one.low) ** 2 + (other.high - other.value) ** 2)
    above = sqrt((one.high - one.value) ** 2 + (other.value - other.low) ** 2)
    return Interval(value=value, low=value - below, high=value + above)
