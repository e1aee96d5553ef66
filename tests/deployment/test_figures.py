"""Counts of a release: added over servers, subtracted over time."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.deployment.figures import Figures, from_report

BOUNDS = (0.1, 0.5, 1.0)
MANY = st.integers(0, 1000)
FIGURES = st.builds(Figures, MANY, MANY, MANY, MANY, st.lists(MANY, min_size=4, max_size=4).map(tuple))


@given(FIGURES, FIGURES)
def test_what_came_since_is_what_was_added(before: Figures, more: Figures) -> None:
    assert (before + more) - before == more
    assert before + more == more + before


@given(FIGURES, FIGURES)
def test_nothing_is_below_zero(now: Figures, before: Figures) -> None:
    since = now - before
    assert min(since.requests, since.errors, since.images, since.unfamiliar, *since.latency) >= 0


def test_a_server_that_began_anew_has_counted_all_of_it_since() -> None:
    now = Figures(requests=3, errors=3, latency=(3, 0))
    assert now - Figures(requests=100, errors=1, latency=(90, 10)) == now


def test_a_server_that_counts_no_latency_is_added() -> None:
    known = Figures(10, 1, 12, 2, (8, 2))
    assert known + Figures(5, 0) == Figures(15, 1, 12, 2, (8, 2))
    assert known - Figures(5, 0) == Figures(5, 1, 12, 2, (8, 2))
    assert sum([known, known], Figures()) == Figures(20, 2, 24, 4, (16, 4))


@pytest.mark.parametrize(
    ("latency", "p95"),
    [
        ((), None),
        ((0, 0, 0, 0), None),
        ((1, 0, 0, 0), 0.1),
        ((19, 1, 0, 0), 0.1),
        ((18, 2, 0, 0), 0.5),
        ((0, 0, 5, 0), 1.0),
        ((90, 0, 0, 10), math.inf),
    ],
)
def test_p95_is_the_end_of_its_bucket(latency: tuple[int, ...], p95: float | None) -> None:
    assert Figures(latency=latency).p95(BOUNDS) == p95


@pytest.mark.parametrize(("seconds", "count"), [(0.05, 9), (0.1, 9), (0.2, 7), (0.5, 7), (1.0, 4), (1.1, 0)])
def test_what_was_surely_slower(seconds: float, count: int) -> None:
    assert Figures(latency=(1, 2, 3, 4)).slower(BOUNDS, seconds) == count


def test_a_report_is_read() -> None:
    counted = {"role": "canary", "requests": 7, "errors": 1, "images": 9, "unfamiliar": 2, "latency": [3, 4]}
    report = {"latency_bounds": [0.5], "releases": {"ab": counted, "cd": {"requests": 5, "errors": 0}}}
    assert from_report(report, "ab") == Figures(7, 1, 9, 2, (3, 4))
    assert from_report(report, "cd") == Figures(requests=5)
    assert from_report(report, "ef") == from_report({}, "ab") == Figures()
