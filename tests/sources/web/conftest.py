"""Fetchers with short limits, and servers that misbehave."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from perennial.catalog.objects import Objects
from perennial.sources.web import Fetcher, Limits, Manners
from tests.sources.web.rogue import Rogue

QUICK = Limits(deadline_s=10, connect_s=2, silence_s=5, retry_s=0.01, busy_s=0.05, longest_wait_s=1.5)
NOON = 1_780_000_000.0 // 86400 * 86400 + 43200


class Clock:
    """The time of day, which a test sets."""

    def __init__(self) -> None:
        self.seconds = NOON

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects.open((tmp_path / "store").as_uri())


@pytest.fixture
def rogue() -> Iterator[Rogue]:
    rogue = Rogue()
    yield rogue
    rogue.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fetcher(objects: Objects, rogue: Rogue, clock: Clock) -> Iterator[Callable[..., Fetcher]]:
    """Make fetchers on one store that may ask the rogue; all are closed at the end."""
    made: list[Fetcher] = []

    def make(*, delay_s: float = 0.0, cap: int | None = None, robots: bool = False, **options: Any) -> Fetcher:
        manners, limits = Manners("ops@example.org", delay_s, cap, robots), options.pop("limits", {})
        options = {"allowed": [rogue.place], "now": clock, "connections": 4, **options}
        made.append(Fetcher(objects, manners, limits=replace(QUICK, **limits), **options))
        return made[-1]

    yield make
    for each in made:
        each.close()
