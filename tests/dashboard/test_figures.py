"""What the dashboard's pages show, as figures."""

import datetime as dt
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture

from dashboard import charts, comparison, data, periods, wording
from dashboard.comparison import ClassRecall, DayScore
from dashboard.endpoint import Neighbour, Probability
from perennial.catalog.catalog import Catalog
from perennial.catalog.digests import digest_of_bytes
from perennial.catalog.objects import Objects
from perennial.catalog.rows import Batch, Image, LabelEvent
from perennial.catalog.splits import split_of
from tests.dashboard.conftest import square

DAYS = st.lists(st.tuples(st.dates(dt.date(2020, 1, 1), dt.date(2027, 1, 1)), st.integers(1, 99)), max_size=40)


def test_only_tasks_with_labels_are_offered(installation: Any, tmp_path: Path) -> None:
    assert data.tasks(installation.catalog) == ["shapes"]
    assert data.tasks(data.open_catalog(tmp_path.as_uri())) == []


def test_the_overview_counts_images_by_class_split_and_day(installation: Any) -> None:
    overview = data.overview(installation.catalog, "shapes")
    assert (overview.images, overview.posts, len(overview.days)) == (180, 180, 9)
    assert sum(count.images for count in overview.classes) == 180
    assert list(dict.fromkeys(count.cls for count in overview.classes)) == ["barn", "house", "tower"]
    assert {count.split for count in overview.classes} == set(data.SPLITS)
    assert overview.days[0] == (dt.date(2026, 5, 1), 20)


def test_a_held_batch_waits_with_its_reason(installation: Any) -> None:
    (waiting,) = data.overview(installation.catalog, "shapes").waiting
    assert (waiting.id, waiting.status, waiting.images) == (installation.held, "held", 20)
    assert wording.batch(waiting) == "20 images of 10 May 2026"
    assert waiting.reason.startswith("A third of the labels")


def test_examples_are_held_out_and_come_in_the_same_order(installation: Any) -> None:
    found = data.examples(installation.catalog, "shapes")
    table = installation.catalog.labelled("shapes").to_pylist()
    assert {example.image for example in found} == {row["image"] for row in table if row["split"] == "hold_out"}
    assert found == data.examples(installation.catalog, "shapes")


def test_runs_come_newest_first(installation: Any) -> None:
    rows = data.recent_runs(installation.registry, "shapes")
    assert [(row.id, row.outcome) for row in rows] == [("run-3", "held"), ("run-2", "promoted"), ("run-1", "promoted")]
    assert [row.id for row in data.recent_runs(installation.registry, "shapes", 1)] == ["run-3"]


def test_the_champion_is_compared_with_the_first_model_on_the_same_images(installation: Any) -> None:
    found = comparison.compare(installation.catalog, installation.registry, "shapes")
    assert found is not None
    assert (found.first.number, found.champion.number) == (1, 2)
    assert found.newest.images == sum(row.images for row in found.classes)
    assert found.older is None
    assert found.newest.champion > found.newest.first + 0.1
    assert found.newest.lead is not None
    assert found.newest.lead.low > 0
    after = [score for score in found.days if score.day > dt.date(2026, 5, 6)]
    assert sum(score.champion_right for score in after) > sum(score.first_right for score in after)


def test_the_newest_whole_days_stand_for_now(installation: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "RECENT", 5)
    found = comparison.compare(installation.catalog, installation.registry, "shapes")
    assert found is not None
    assert found.older is not None
    assert found.newest.until == dt.date(2026, 5, 9)
    assert found.older.until < found.newest.since
    assert found.newest.images + found.older.images == sum(score.images for score in found.days)
    assert "On older" in wording.lead(found)


def test_without_a_champion_nothing_is_compared(installation: Any) -> None:
    assert comparison.compare(installation.catalog, installation.registry, "another") is None


@given(DAYS)
def test_no_recent_image_is_lost_in_a_period(days: list[tuple[dt.date, int]]) -> None:
    recent = [(day, images) for day, images in days if day >= dt.date(2026, 1, 1)]
    assert sum(images for _, images in periods.images_by(recent, "month")) == sum(images for _, images in recent)


@given(DAYS, st.sampled_from(["day", "week", "month"]))
def test_periods_are_in_order_and_start_on_their_first_day(days: list[tuple[dt.date, int]], period: periods.Period) -> None:
    found = [day for day, _ in periods.images_by(days, period)]
    assert found == sorted(set(found))
    assert all(periods.start_of(day, period) == day for day in found)


def test_periods_with_few_held_out_images_are_left_out() -> None:
    scores = [DayScore(dt.date(2026, 5, day), images, 1, 2) for day, images in ((1, 9), (2, 10), (3, 30))]
    assert [score.day.day for score in periods.scores_by(scores, "day")] == [2, 3]
    assert periods.scores_by(scores, "month") == [DayScore(dt.date(2026, 5, 1), 49, 3, 6)]


@pytest.mark.parametrize(("a_day", "period"), [(80, "day"), (15, "week"), (1, "month"), (0, "day")])
def test_the_period_fits_how_many_images_come(a_day: int, period: str) -> None:
    days = [(dt.date(2026, 1, 1) + dt.timedelta(days=number), a_day) for number in range(120 if a_day else 0)]
    assert periods.fitting(days) == period


def test_the_likeliest_class_stands_out() -> None:
    chart = charts.probabilities([Probability("barn", 0.004), Probability("tower", 0.996)])
    rows = chart.data.values
    assert [(row["class"], row["likeliest"], row["text"]) for row in rows] == [
        ("barn", False, "<1\u00a0%"),
        ("tower", True, ">99\u00a0%"),
    ]


def test_held_images_stand_beside_the_labelled_ones() -> None:
    day = dt.date(2026, 5, 1)
    rows = charts.arrivals([(day, 20)], [(day, 7)], "month").data.values
    assert [(row["state"], row["images"], row["until"][:10]) for row in rows] == [
        ("labelled", 20, "2026-06-01"),
        ("held", 7, "2026-06-01"),
    ]


def test_a_class_without_held_out_images_is_not_drawn() -> None:
    rows = [ClassRecall("barn", 9, 0.1, 0.9), ClassRecall("tower", 0, None, None)]
    assert {row["class"] for row in charts.recalls(rows).data.values} == {"barn (9)"}


def test_sentences_are_plain(installation: Any) -> None:
    found = comparison.compare(installation.catalog, installation.registry, "shapes")
    assert found is not None
    assert "Neither has learnt" in wording.lead(found)
    assert wording.points(-0.123) == "−12 points"
    assert wording.plain("wait for [review]") == r"wait for \[review\]"
    held = Batch("b", "shapes", 1200, dt.date(2026, 5, 1), dt.date(2026, 5, 3))
    assert wording.batch(held) == "1,200 images of 1 May 2026 to 3 May 2026"


def near(**about: Any) -> Neighbour:
    fields = {"image": "a" * 64, "cls": "barn", "similarity": 0.31, "title": "A [barn]", "address": "", "credit": ""}
    return Neighbour(**{**fields, **about})


def test_a_neighbour_is_named_with_its_link_and_whose_it_is() -> None:
    assert wording.neighbour(near()) == r"A \[barn\]"
    linked = near(address="https://example.com/a b).jpg?x=1", credit="*Ann*, CC BY 4.0")
    assert wording.neighbour(linked) == "[A \\[barn\\]](https://example.com/a%20b%29.jpg?x=1)  \n\\*Ann\\*, CC BY 4.0"
    assert wording.likeness((near(), near(similarity=0.1))) == "0.31 to 0.10"
    assert wording.likeness((near(),)) == "0.31"


def test_an_example_is_named_with_its_link_and_whose_it_is(tmp_path: Path) -> None:
    pixels = square((1, 2, 3))
    about: Any = {"source": "commons", "title": "", "place": "", "kind": "photo", "metadata": {}, "width": 32, "height": 32}
    day, owned = dt.date(2026, 5, 1), {"url": "https://commons.example/wiki/File:A.jpg", "credit": "Ann", "licence": "CC BY 4.0"}
    post = next(f"commons/Q{number}" for number in range(99) if split_of(f"commons/Q{number}") == "hold_out")
    image = Image(id=digest_of_bytes(pixels), post=post, published=day, **about, **owned)
    catalog = Catalog.open(Objects.open(tmp_path.as_uri()))
    catalog.add_images([(image, pixels)])
    catalog.append_labels("shapes", [LabelEvent(image.id, "shapes", "barn", "source", "commons", day)])
    (found,) = data.examples(catalog, "shapes")
    assert (found.address, found.credit) == (owned["url"], "Ann, CC BY 4.0")
    assert wording.example(found) == "[A held-out image of 1 May 2026](https://commons.example/wiki/File:A.jpg)  \nAnn, CC BY 4.0"
    assert wording.example(data.Example("a", "barn", day)) == "A held-out image of 1 May 2026"


def test_a_thumbnail_is_square_and_none_where_the_image_is_gone(installation: Any) -> None:
    image = installation.catalog.image_ids()[0]
    with Picture.open(io.BytesIO(data.thumbnail(installation.catalog, image) or b"")) as drawn:
        assert drawn.size == (data.THUMBNAIL, data.THUMBNAIL)
    assert data.thumbnail(installation.catalog, "0" * 64) is None
