"""The load generator as the benchmark sees it: Locust in an environment and a process of its own."""

import base64
import os
from collections.abc import Sequence
from typing import Any

from tests.benchmarks.serving.contestant import Request
from tests.benchmarks.serving.lines import Lines
from tests.benchmarks.serving.places import HERE, LOCK, python_of

NEEDS = "locust"
MOST = 20_000
PATIENCE_S = 150.0
"""Beyond what an order itself takes: its stragglers, and slow machines."""


class Generator(Lines):
    """Asks servers as it is told."""

    def __init__(self, cores: Sequence[int]) -> None:
        """Take the cores that it may use."""
        folder = HERE / "load"
        super().__init__("the load generator", [str(python_of("load", folder / LOCK)), "generator.py"], folder, cores)

    def load(
        self,
        url: str,
        requests: Sequence[Request],
        *,
        clients: int,
        seconds: float,
        warmup_s: float = 1.0,
        most: int = MOST,
        rate: float | None = None,
        arrivals: str = "even",
        seed: int = 0,
        expected: Sequence[dict[str, Any]] | None = None,
    ) -> dict[str, Any]:
        """Ask and return what came back; ``load/generator.py`` says what the order and its answer hold.

        Raises:
            NotMeasured: the generator ended, or took far longer than it was told.
        """
        carried = [
            {
                "path": request.path,
                "headers": request.headers,
                "body": base64.b64encode(request.body).decode(),
                "expected": wanted,
            }
            for request, wanted in zip(requests, expected or [None] * len(requests), strict=True)
        ]
        order = {"url": url, "requests": carried, "clients": clients, "warmup_s": warmup_s, "seconds": seconds, "most": most}
        return self.ask({**order, "rate": rate, "arrivals": arrivals, "seed": seed}, seconds + warmup_s + PATIENCE_S)


def cores_left(taken: Sequence[int]) -> list[int]:
    """Return the cores that the servers don't get; all of them where that would be none."""
    available = sorted(os.sched_getaffinity(0))
    return [core for core in available if core not in taken] or available
