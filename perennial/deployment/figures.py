"""What servers counted of one release: requests, errors, pictures, and how long requests took."""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from itertools import accumulate, zip_longest
from typing import Any


@dataclass(frozen=True)
class Figures:
    """Counts of one release.

    ``latency[i]`` requests took at most the i-th bound and more than the one before; the last is of all that took longer.
    """

    requests: int = 0
    errors: int = 0
    images: int = 0
    unfamiliar: int = 0
    latency: tuple[int, ...] = ()

    def __add__(self, other: "Figures") -> "Figures":
        """Return what two servers counted together."""
        return _of(a + b for a, b in _pairs(self, other))

    def __sub__(self, before: "Figures") -> "Figures":
        """Return what came since ``before``: all of it where the server counts less than then, since it began anew.

        So subtract server by server, then add up.
        """
        pairs = list(_pairs(self, before))
        return self if any(now < then for now, then in pairs) else _of(now - then for now, then in pairs)

    def p95(self, bounds: Sequence[float]) -> float | None:
        """Return the bound within which 95 of 100 requests were answered, infinity beyond the last; None without requests."""
        rank = math.ceil(0.95 * sum(self.latency))
        if not rank:
            return None
        place = next(place for place, count in enumerate(accumulate(self.latency)) if count >= rank)
        return bounds[place] if place < len(bounds) else math.inf

    def slower(self, bounds: Sequence[float], seconds: float) -> int:
        """Return how many requests surely took longer than ``seconds``; those in the bucket around it may not have."""
        return sum(count for count, least in zip(self.latency, (0.0, *bounds), strict=False) if least >= seconds)


def from_report(report: dict[str, Any], release: str) -> Figures:
    """Read a release's figures off what a server reports at ``/v1/endpoint``; what an older one doesn't count is zero."""
    counted = report.get("releases", {}).get(release, {})
    requests, errors, images, unfamiliar = (int(counted.get(name, 0)) for name in ("requests", "errors", "images", "unfamiliar"))
    return Figures(requests, errors, images, unfamiliar, tuple(map(int, counted.get("latency", ()))))


def _pairs(one: Figures, other: Figures) -> "zip_longest[tuple[int, int]]":
    """Pair the counts of two; one may know fewer buckets."""
    return zip_longest((*astuple(one)[:-1], *one.latency), (*astuple(other)[:-1], *other.latency), fillvalue=0)


def _of(counts: Any) -> Figures:
    requests, errors, images, unfamiliar, *latency = counts
    return Figures(requests, errors, images, unfamiliar, tuple(latency))
