"""An A/B test's figures: which answers count, which feedback, and who goes on."""

from datetime import UTC, timedelta, timezone
from pathlib import Path

import pytest

from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.deployment.experiments import VersionFigures, enough, winner
from tests.deployment.answer_log import BEGAN, ENDED, Log


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(Catalog.open(Objects.open((tmp_path / "store").as_uri())))


def test_what_is_not_folded_yet_counts(log: Log) -> None:
    for number in range(4):
        log.answer(1, unfamiliar=number == 0, probability=0.2 * number, seconds=0.1 * number)
    log.answer(2)
    first, second = log.figures()
    assert (first.version, first.answers, second.version, second.answers) == (1, 4, 2, 1)
    assert first.share is not None
    assert first.unfamiliar is not None
    assert (first.share.value, first.unfamiliar.value) == (0.8, 0.25)
    assert first.share.low < 0.8 < first.share.high
    assert (first.probability, first.p50_s, first.p95_s) == pytest.approx((0.3, 0.15, 0.285))
    assert log.figures() == [first, second]


def test_a_version_that_answered_nothing(log: Log) -> None:
    log.answer(1)
    _, second = log.figures()
    assert (second.answers, second.judged, second.unfamiliar, second.probability, second.p95_s, second.right) == (0, 0) + (
        None,
    ) * 4
    assert second.share is not None
    assert second.share.value == 0


def test_an_empty_log(log: Log) -> None:
    assert [one.share for one in log.figures()] == [None, None]
    assert log.figures(versions=()) == []


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=9))])
def test_only_answers_of_that_time_task_and_versions(log: Log, zone: timezone) -> None:
    step = timedelta(microseconds=1)
    for at in (BEGAN - step, BEGAN, ENDED - step, ENDED):
        log.answer(1, at=at)
    log.answer(1, task="shapes")
    log.answer(3)
    assert [one.answers for one in log.figures(since=BEGAN.astimezone(zone), until=ENDED.astimezone(zone))] == [2, 0]
    assert [one.answers for one in log.figures(until=None)] == [3, 0]


def test_only_approved_feedback_says_what_is_right(log: Log) -> None:
    for version, cls, state in [
        (1, "red", "approved"), (1, "blue", "approved"), (1, "blue", "pending"), (1, "blue", "rejected"), (2, "red", "approved"),
    ]:  # fmt: skip
        log.say("red", log.answer(version, cls), state=state)
    log.answer(2, "blue")
    log.say("red", None, image="a picture that was sent along")
    first, second = log.figures()
    assert (first.hits, first.judged, second.hits, second.judged) == (1, 2, 1, 1)
    assert first.right is not None
    assert first.right.value == 0.5


def test_of_statements_about_one_picture_the_one_approved_last_counts(log: Log) -> None:
    first, second = log.answer(1, "red"), log.answer(2, "red")
    log.say("red", first, image="one", late=5)
    log.say("blue", first, image="one", who="eva", late=9)
    log.say("red", second, image="one", late=1)
    assert [(one.hits, one.judged) for one in log.figures()] == [(0, 1), (0, 1)]


def test_feedback_about_other_answers_is_passed_over(log: Log) -> None:
    log.answer(1)
    log.say("red", log.answer(1, at=BEGAN - timedelta(days=1)))
    log.say("red", "colours.999")
    assert log.figures()[0].judged == 0


def of(version: int, hits: int, judged: int, answers: int = 100) -> VersionFigures:
    nothing = dict.fromkeys(("share", "unfamiliar", "probability", "p50_s", "p95_s", "right"))
    return VersionFigures.model_validate({"version": version, "answers": answers, "hits": hits, "judged": judged, **nothing})


def test_the_challenger_goes_on_where_it_is_surely_right_more_often() -> None:
    version, sentence = winner(of(3, 30, 50), of(4, 48, 50), 0.99)
    assert version == 4
    assert sentence.startswith(
        "Version 4 goes on: it is right more often, version 4 was right in 48 of 50 and version 3 was right"
    )
    assert "+36.0 %" in sentence


@pytest.mark.parametrize(("hits", "judged"), [(30, 50), (33, 50), (10, 50), (8, 10)])
def test_the_champion_goes_on_where_that_may_be_chance(hits: int, judged: int) -> None:
    version, sentence = winner(of(3, 30, 50), of(4, hits, judged), 0.99)
    assert version == 3
    assert "isn't shown" in sentence


@pytest.mark.parametrize(("old", "new"), [((0, 0), (0, 0)), ((0, 9), (90, 90)), ((0, 90), (9, 9))])
def test_with_too_little_feedback_the_champion_goes_on(old: tuple[int, int], new: tuple[int, int]) -> None:
    version, sentence = winner(of(3, *old), of(4, *new), 0.99)
    assert version == 3
    assert "too little approved feedback" in sentence
    assert f"version 4 was right in {new[0]} of {new[1]}" in sentence


def test_enough_is_when_each_gave_so_many() -> None:
    assert enough([of(3, 0, 0, answers=50), of(4, 0, 0, answers=20)], 20)
    assert not enough([of(3, 0, 0, answers=500), of(4, 0, 0, answers=19)], 20)
