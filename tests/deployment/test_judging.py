"""When a canary passes and when it is taken back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.deployment.figures import Figures
from perennial.deployment.judging import disagreement, judge
from perennial.errors import ReleaseRejected
from perennial.task import ReleaseSpec

RULES = ReleaseSpec()
BOUNDS = (0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0)
QUICK = (0, 100, 0, 0, 0, 0, 0, 0)
STABLE = Figures(requests=100, images=100, unfamiliar=5, latency=QUICK)
MANY = st.integers(0, 500)


def took(*counts: int, errors: int = 0) -> Figures:
    return Figures(requests=sum(counts), errors=errors, images=sum(counts), latency=counts)


@given(MANY, st.integers(0, 20), MANY, st.lists(MANY, min_size=8, max_size=8).map(tuple))
def test_what_does_as_the_stable_one_passes(requests: int, errors: int, unfamiliar: int, latency: tuple[int, ...]) -> None:
    """Whatever that is, but for what takes longer than any release may."""
    same = Figures(requests, errors, 500, unfamiliar, (*latency[:6], 0, 0))
    judge(same, same, BOUNDS, RULES)


@pytest.mark.parametrize("stable", [None, Figures(), STABLE])
def test_nothing_was_asked(stable: Figures | None) -> None:
    judge(Figures(), stable, BOUNDS, RULES)


def test_one_error_of_many_is_chance_and_a_few_are_not() -> None:
    judge(Figures(requests=100, errors=1), STABLE, BOUNDS, RULES)
    said = r"It failed 10 of 100 requests, the stable release 0 of 100: more by at least [\d.]+ % at 99 % confidence"
    with pytest.raises(ReleaseRejected, match=said):
        judge(Figures(requests=100, errors=10), STABLE, BOUNDS, RULES)


def test_errors_that_the_stable_one_makes_too_are_no_reason() -> None:
    failing = Figures(requests=1000, errors=100)
    judge(Figures(requests=100, errors=14), failing, BOUNDS, RULES)
    with pytest.raises(ReleaseRejected, match="It failed 30 of 100 requests, the stable release 100 of 1000"):
        judge(Figures(requests=100, errors=30), failing, BOUNDS, RULES)


@pytest.mark.parametrize("stable", [None, Figures()])
def test_without_a_stable_one_one_percent_of_errors_is_the_limit(stable: Figures | None) -> None:
    judge(Figures(requests=1000, errors=15), stable, BOUNDS, RULES)
    with pytest.raises(ReleaseRejected, match=r"It failed 30 of 1000 requests; without a stable release .* at most 1 %"):
        judge(Figures(requests=1000, errors=30), stable, BOUNDS, RULES)


def test_errors_read_after_their_requests_are_all_that_there_are() -> None:
    with pytest.raises(ReleaseRejected, match="It failed 20 of 20 requests"):
        judge(Figures(requests=20, errors=21), STABLE, BOUNDS, RULES)


@pytest.mark.parametrize("stable", [None, STABLE])
def test_too_slow(stable: Figures | None) -> None:
    with pytest.raises(ReleaseRejected, match=r"It took up to 5 s for 95 of 100 requests, at most 2 s .*: 20 of 40 took longer"):
        judge(took(0, 20, 0, 0, 0, 0, 20, 0), stable, BOUNDS, RULES)
    with pytest.raises(ReleaseRejected, match="It took more than 5 s for 95 of 100 requests"):
        judge(took(0, 0, 0, 0, 0, 0, 0, 20), stable, BOUNDS, RULES)


def test_a_few_slow_requests_are_chance() -> None:
    judge(took(0, 18, 0, 0, 0, 0, 2, 0), STABLE, BOUNDS, RULES)
    judge(took(0, 0, 0, 0, 0, 0, 19, 0), None, BOUNDS, RULES)


def test_what_may_be_within_the_limit_passes() -> None:
    """The limit lies within the bucket from 2 to 5 seconds."""
    rules = ReleaseSpec(max_p95_s=3.0)
    judge(took(0, 0, 0, 0, 0, 0, 50, 0), None, BOUNDS, rules)
    with pytest.raises(ReleaseRejected, match="50 of 50 took longer"):
        judge(took(0, 0, 0, 0, 0, 0, 0, 50), None, BOUNDS, rules)


def test_slower_than_the_stable_one() -> None:
    said = r"up to 0.5 s for 95 of 100 requests, the stable release up to 0.05 s; .* 2 times .*: 50 of 50 took longer than 0.1 s"
    with pytest.raises(ReleaseRejected, match=said):
        judge(took(0, 0, 0, 50, 0, 0, 0, 0), STABLE, BOUNDS, RULES)
    judge(took(0, 0, 50, 0, 0, 0, 0, 0), STABLE, BOUNDS, RULES)


def test_with_few_requests_of_either_no_ratio_is_judged() -> None:
    judge(took(0, 0, 0, 19, 0, 0, 0, 0), STABLE, BOUNDS, RULES)
    judge(took(0, 0, 0, 50, 0, 0, 0, 0), took(0, 19, 0, 0, 0, 0, 0, 0), BOUNDS, RULES)
    judge(took(0, 0, 0, 50, 0, 0, 0, 0), took(0, 0, 0, 0, 0, 0, 0, 100), BOUNDS, RULES)


def test_a_few_milliseconds_are_noise() -> None:
    judge(took(0, 50, 0, 0, 0, 0, 0, 0), took(100, 0, 0, 0, 0, 0, 0, 0), BOUNDS, RULES)


def test_more_unfamiliar_pictures() -> None:
    judge(Figures(images=40, unfamiliar=12), STABLE, BOUNDS, RULES)
    judge(Figures(images=40, unfamiliar=40), None, BOUNDS, RULES)
    said = r"It finds 30 of 40 pictures unfamiliar, the stable release 5 of 100; a share larger by at most 20 % is allowed"
    with pytest.raises(ReleaseRejected, match=said):
        judge(Figures(images=40, unfamiliar=30), STABLE, BOUNDS, RULES)


def test_names_that_differ() -> None:
    same, other = [("red", "red")], [("red", "blue")]
    assert disagreement([], RULES) == 0
    assert disagreement(other * 9, RULES) == 1
    assert disagreement(same * 3 + other * 9, RULES) == 0.75
    with pytest.raises(
        ReleaseRejected, match="It names 95 of 100 images otherwise than the stable release, of which at most 70 %"
    ):
        disagreement(same * 5 + other * 95, RULES)


def test_a_limit_of_all_lets_all_differ() -> None:
    assert disagreement([("red", "blue")] * 500, ReleaseSpec(max_disagreement=1.0)) == 1
