"""The order in which slices are read."""

import datetime
from pathlib import Path

import pycountry
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.catalog.objects import Objects
from perennial.rules import CountryRule
from perennial.sources.commons.rounds import Rounds, slices
from perennial.sources.posts import Known, Post
from perennial.task import CommonsSource
from tests.sources.conftest import EIGHT

CODES = st.lists(st.sampled_from([country.alpha_2 for country in pycountry.countries]), min_size=1, max_size=9, unique=True)
CLASSES = st.lists(st.integers(1, 99).map("Q{}".format), min_size=1, max_size=9, unique=True)


@given(CODES, CLASSES)
def test_every_pair_comes_once_and_countries_take_turns(countries: list[str], classes: list[str]) -> None:
    found = slices(countries, classes)
    assert sorted(found) == sorted(f"{country}/{kind}" for country in countries for kind in classes)
    assert [name.partition("/")[0] for name in found] == countries * len(classes)


def test_the_default_countries_are_of_all_regions_in_turn() -> None:
    spec = CommonsSource(type="commons")
    rule = CountryRule(rule="country")

    regions = [rule.read({"country": code}).cls for code in spec.countries]
    assert set(regions[:8]) == set(regions) == set(EIGHT)
    assert len(set(spec.countries)) == len(spec.countries)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [("countries", ["Portugal"], "is no ISO 3166 code"), ("kinds", {"church": "Q16970"}, "is no number"), ("width", 640, "960")],
)
def test_a_wrong_choice_is_an_error_of_the_task(key: str, value: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        CommonsSource.model_validate({"type": "commons", key: value})


def post(number: int) -> Post:
    return Post(f"Q{number}", "", datetime.date.min, "", mark="m")


def opened(folder: Path, known: Known) -> Rounds:
    rounds = Rounds(Objects.open(folder.as_uri()), "commons", ["PT/Q1", "NG/Q1"], 3)
    rounds.begin(known)
    return rounds


def test_pages_count_once_their_posts_are_known(tmp_path: Path) -> None:
    rounds = opened(tmp_path, Known.nothing())
    assert rounds.next({"PT", "NG"}) == "PT/Q1"
    rounds.listed("PT/Q1", [post(1), post(2)], last=2, done=False)
    assert rounds.next({"PT", "NG"}) == "NG/Q1"
    assert rounds.next({"PT"}) == "PT/Q1"
    rounds.listed("PT/Q1", [post(3)], last=3, done=True)
    assert rounds.next({"PT"}) is None
    assert opened(tmp_path, Known.nothing()).at("PT/Q1").after == 0
    assert opened(tmp_path, Known.of({"Q3": "m", "Q2": "m"})).at("PT/Q1").after == 0
    assert opened(tmp_path, Known.of({"Q1": "m", "Q2": "m"})).at("PT/Q1").after == 2
    read = opened(tmp_path, Known.of({"Q1": "m", "Q2": "m", "Q3": "m"}))
    assert (read.at("PT/Q1").after, read.at("PT/Q1").done) == (3, True)


def test_a_new_round_begins_once_all_slices_are_done(tmp_path: Path) -> None:
    rounds = opened(tmp_path, Known.nothing())
    rounds.listed("PT/Q1", [], last=9, done=True)
    rounds = opened(tmp_path, Known.nothing())
    assert rounds.next({"PT", "NG"}) == "NG/Q1"
    rounds.skip("NG/Q1")
    rounds = opened(tmp_path, Known.nothing())
    since = datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=3)
    assert (rounds.at("PT/Q1").after, rounds.at("PT/Q1").since) == (0, since.isoformat())
    assert (rounds.at("NG/Q1").done, rounds.at("NG/Q1").since) == (False, "")
