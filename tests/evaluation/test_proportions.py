"""Intervals of shares, against the paper's own table and another implementation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from perennial.evaluation.proportions import Count, difference, share

SLACK = 1e-9
LEVELS = st.sampled_from([0.6, 0.9, 0.95, 0.99])


@st.composite
def counts(draw: st.DrawFn) -> Count:
    of = draw(st.integers(1, 3000))
    return draw(st.integers(0, of)), of


# Newcombe 1998, table II, method 10, at 95 %.
@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_differences_of_the_paper(first: Count, second: Count, low: float, high: float) -> None:
    found = difference(first, second)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@given(counts(), LEVELS)
def test_a_share_is_what_scipy_says(count: Count, level: float) -> None:
    found, known = share(count, level=level), binomtest(*count).proportion_ci(level, "wilson")
    assert found is not None
    assert (found.low, found.high) == pytest.approx((known.low, known.high), abs=SLACK)


@given(counts(), counts(), LEVELS)
def test_an_interval_holds_its_difference_and_turns_with_it(first: Count, second: Count, level: float) -> None:
    there, back = difference(first, second, level=level), difference(second, first, level=level)
    assert there is not None
    assert back is not None
    assert -1 - SLACK <= there.low <= there.value <= there.high <= 1 + SLACK
    assert (there.low, there.value, there.high) == pytest.approx((-back.high, -back.value, -back.low), abs=SLACK)


@given(counts(), counts(), st.integers(2, 50))
def test_more_of_the_same_narrows_it(first: Count, second: Count, times: int) -> None:
    few = difference(first, second)
    many = difference((first[0] * times, first[1] * times), (second[0] * times, second[1] * times))
    assert few is not None
    assert many is not None
    assert many.high - many.low < few.high - few.low


@given(counts(), counts())
def test_a_higher_level_widens_it(first: Count, second: Count) -> None:
    narrow, wide = difference(first, second, level=0.9), difference(first, second, level=0.99)
    assert narrow is not None
    assert wide is not None
    assert wide.low <= narrow.low
    assert narrow.high <= wide.high


@given(st.integers(1, 10_000))
def test_none_and_all_end_where_shares_end(of: int) -> None:
    none, every = share((0, of)), share((of, of))
    assert none is not None
    assert every is not None
    assert (none.low, every.high) == (0, 1)
    assert none.high > 0
    assert every.low < 1


def test_of_nothing_there_is_no_share() -> None:
    assert share((0, 0)) is None
    assert difference((0, 0), (1, 2)) is None
    assert difference((1, 2), (0, 0)) is None


@pytest.mark.parametrize("count", [(3, 2), (-1, 2)])
def test_more_than_all_is_refused(count: Count) -> None:
    with pytest.raises(ValueError, match="is no share"):
        share(count)
