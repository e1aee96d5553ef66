"""A field that isn't found any more is an alarm; chance isn't."""

import datetime
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial.sources.fill import LONGEST_BEFORE, Record, added, alarm, counts, rates
from perennial.sources.posts import ImageRef, Post

FIELDS = {"place": 0.95, "office": 0.99, "year": 0.7, "photographer": 0.4, "tags": 0.05}


def posts(count: int, rng: random.Random, **shares: float) -> list[Post]:
    """Return posts that say each field as often as it is said, or as often as ``shares`` has it."""
    said = {**FIELDS, "images": 0.98, "title": 1.0} | shares
    found = []
    for number in range(count):
        has = {field: rng.random() < share for field, share in said.items()}
        images = (ImageRef("a"),) if has.pop("images") else ()
        title = "House" if has.pop("title") else ""
        metadata = {field: "x" for field, there in has.items() if there}
        found.append(Post(str(number), "", datetime.date(2026, 1, 1), title, metadata, images))
    return found


def recorded(*runs: list[Post], record: Record | None = None, parser: int = 1) -> Record:
    for run in runs:
        record = json.loads(json.dumps(added(record, counts(run), parser=parser)))
    assert record is not None
    return record


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000))
def test_chance_raises_no_alarm(seed: int) -> None:
    rng = random.Random(seed)
    record: Record | None = None
    for _ in range(60):
        record = recorded(posts(rng.choice((0, 1, 2, 5, 12, 40)), rng), record=record)
        assert alarm(record, "archdaily") == ""
    assert record is not None
    assert record["before"][""] <= LONGEST_BEFORE


@pytest.mark.parametrize("size", [8, 12, 85])
def test_a_redesign_is_one_sentence_that_names_the_fields(size: int) -> None:
    rng = random.Random(1)
    record = recorded(posts(200, rng), posts(size, rng, place=0.0, office=0.0, images=0.0))
    sentence = alarm(record, "archdaily")
    assert all(field in sentence for field in ("place in 0% of them (9", "office in 0%", "images in 0%"))
    assert not any(field in sentence for field in ("year", "photographer", "title", "tags"))
    assert "perennial sources check archdaily" in sentence
    assert sentence.count("archdaily may have changed shape") == 1


def test_small_runs_add_up_to_an_alarm_that_stands_until_the_field_is_back() -> None:
    rng = random.Random(2)
    record = recorded(posts(200, rng))
    said = []
    for _ in range(30):
        record = recorded(posts(1, rng, place=0.0), record=record)
        said.append(alarm(record, "archdaily"))
    assert not any(said[:4])  # a few posts are no proof
    assert all("place in" in sentence for sentence in said[20:])
    record = recorded(*[posts(12, rng) for _ in range(10)], record=record)
    assert alarm(record, "archdaily") == ""


def test_a_field_that_is_rare_anyway_and_the_first_run_raise_none() -> None:
    rng = random.Random(3)
    assert alarm(recorded(posts(200, rng), posts(60, rng, tags=0.0)), "archdaily") == ""
    assert alarm(recorded(posts(200, rng, place=0.0)), "archdaily") == ""
    assert alarm(None, "archdaily") == ""
    assert alarm({}, "archdaily") == ""


def test_a_new_parser_begins_anew() -> None:
    rng = random.Random(4)
    record = recorded(posts(200, rng), posts(40, rng, place=0.0))
    assert alarm(record, "archdaily")
    renewed = recorded(posts(40, rng), record=record, parser=2)
    assert alarm(renewed, "archdaily") == ""
    assert rates(renewed)["place"] > 0.8


def test_rates_are_those_of_all_posts_known() -> None:
    rng = random.Random(5)
    record = recorded(posts(100, rng, place=1.0), posts(4, rng, place=0.0))
    assert rates(record)["place"] == pytest.approx(100 / 104, abs=1e-3)
    assert rates(None) == {}
