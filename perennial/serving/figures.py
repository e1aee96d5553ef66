"""What one release answered, in figures of a fixed size: a deployment judges a canary against stable by them."""

from bisect import bisect_left
from dataclasses import asdict, dataclass, field
from typing import Any

SECONDS = (0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
"""Upper bounds of the latency's buckets; one more, at the end, is for the rest. A release's default limit, 2 s, is one."""


@dataclass
class Figures:
    """Counts of one release since this server loaded it.

    ``errors`` are the server's own, ``rejected`` the client's. ``images`` has one for each task that answered. ``latency`` has a
    request that took at most ``SECONDS[i]``, and more than the bound before, in bucket i.
    """

    requests: int = 0
    errors: int = 0
    rejected: int = 0
    seconds: float = 0.0
    images: int = 0
    unfamiliar: int = 0
    latency: list[int] = field(default_factory=lambda: [0] * (len(SECONDS) + 1))

    def request(self, seconds: float, *, failed: bool = False, rejected: bool = False, worked: bool = True) -> None:
        """Count a request; its latency only if it was ``worked`` on to an answer, an error or the end of its time."""
        self.requests += 1
        self.errors += failed
        self.rejected += rejected
        self.seconds += seconds
        if worked:
            self.latency[bisect_left(SECONDS, seconds)] += 1

    def answered(self, images: int, unfamiliar: int) -> None:
        """Count images that were answered, and how many of them were unlike anything learnt."""
        self.images += images
        self.unfamiliar += unfamiliar

    def told(self) -> dict[str, Any]:
        """Return the figures as ``GET /v1/endpoint`` has them."""
        return {**asdict(self), "seconds": round(self.seconds, 6)}
