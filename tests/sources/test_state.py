"""What is remembered of a source: looked up, shared by tasks, and asked again when its time has come."""

import datetime
from pathlib import Path

import pytest

from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.sources import state as states
from perennial.sources.fetched import Taken
from perennial.sources.posts import Gone, Known, Post, source_key
from perennial.sources.scrape import CHUNK, scrape_source
from perennial.sources.state import State
from perennial.task import Task
from tests.sources.conftest import CountingSite, demo_task, folder_task
from tests.sources.shelf import DAY, Shelf, post

TODAY = datetime.datetime.now(datetime.UTC).date()


def ids(known: Known, posts: list[Post]) -> list[str]:
    return [post.id for post in known.fresh(posts)]


def test_what_is_not_known_comes_in_its_order_and_again_once_its_mark_changed(catalog: Catalog) -> None:
    shelf = Shelf([Post(str(number), f"/{number}", DAY, "", mark="a") for number in (3, 1, 2)])
    state = State(catalog.objects, shelf.key)
    assert state.known().empty
    assert ids(state.known(), shelf.shown) == ["3", "1", "2"]
    scrape_source(shelf, catalog)
    known = state.known()
    assert (known.empty, known.watermark, state.count()) == (False, DAY, 3)
    changed = [*shelf.shown, Post("1", "/1", DAY, "", mark="b"), Post("9", "/9", DAY, "")]
    assert ids(known, changed) == ["1", "9"]
    assert ids(State(catalog.objects, "another").known(), shelf.shown) == ["3", "1", "2"]


def test_many_posts_are_looked_up_in_few_questions(catalog: Catalog) -> None:
    asked: list[int] = []
    known = Known(lambda posts: asked.append(len(posts)) or [post.id == "7" for post in posts])
    assert len(ids(known, [post(str(number)) for number in range(1200)])) == 1199
    assert asked == [512, 512, 176]


def test_the_watermark_never_lies_after_today(catalog: Catalog) -> None:
    shelf = Shelf([post("old", "a"), post("future", "b", published=TODAY + datetime.timedelta(days=900))])
    scrape_source(shelf, catalog)
    assert State(catalog.objects, shelf.key).known().watermark == TODAY
    dates = dict(zip(catalog.images()["post"].to_pylist(), catalog.images()["published"].to_pylist(), strict=True))
    assert dates == {"shelf/old": DAY, "shelf/future": TODAY}


def test_a_run_that_was_cut_off_leaves_the_day_of_the_watermark_open(catalog: Catalog) -> None:
    shelf = Shelf([post("1", "a"), post("2", "b")])
    scrape_source(shelf, catalog)
    state = State(catalog.objects, shelf.key)
    assert state.known().watermark == DAY
    state.remember([Taken(post("3"), "taken")], [])
    assert state.known().watermark == DAY - datetime.timedelta(days=1)
    state.complete({}, None)
    assert state.known().watermark == DAY


def test_what_was_gone_is_asked_for_again_after_some_days_and_what_was_refused_never(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = Shelf([post("1", "a", "b", "c"), post("2", "d")])
    shelf.wrong = {"a": Gone("answers 404."), "b": b"<html>", "/2": Gone("answers 410.")}
    assert scrape_source(shelf, catalog).quarantined == 3
    shelf.wrong.clear()
    shelf.shown.append(post("3", "a", "b", "c"))
    scrape_source(shelf, catalog)
    assert shelf.asked == {"/1": 1, "/2": 1, "/3": 1, "a": 1, "b": 1, "c": 1}
    monkeypatch.setattr(states, "GONE_DAYS", -1)
    shelf.shown.append(post("4", "a", "b", "c"))
    found = scrape_source(shelf, catalog)
    assert (found.posts, found.images, found.quarantined) == (2, 2, 0)
    assert shelf.asked == {"/1": 1, "/2": 2, "/3": 1, "/4": 1, "a": 2, "b": 1, "c": 1, "d": 1}
    scrape_source(shelf, catalog)
    assert shelf.asked.total() == 10, "what is there now is remembered in place of what was gone"


def test_fields_of_new_posts_are_counted_over_runs(catalog: Catalog) -> None:
    shelf = Shelf([post("1", "a", place="Porto", year=""), post("2", place="Lyon", year="2020")])
    scrape_source(shelf, catalog)
    scrape_source(shelf, catalog)
    document = State(catalog.objects, shelf.key).document()
    assert document["fill"]["recent"] == {"": 2, "place": 2, "year": 1, "title": 2, "images": 1}
    assert (document["last"]["status"], document["last"]["posts"], document["last"]["known"]) == ("done", 0, 2)
    shelf.shown += [post(f"more {number}", place="Porto") for number in range(60)]
    assert scrape_source(shelf, catalog).notes == ()
    shelf.shown += [post(f"nowhere {number}") for number in range(12)]
    (note,) = scrape_source(shelf, catalog).notes
    assert "place in 0% of them (100% before)" in note
    assert scrape_source(shelf, catalog).notes == (note,), "an alarm stands until the field is back"


def test_records_are_folded_away(catalog: Catalog) -> None:
    scrape_source(Shelf([post(str(number), f"picture {number}") for number in range(CHUNK + 20)], workers=8), catalog)
    assert list(catalog.objects.keys("sources")) == ["sources/shelf-1.json"]
    assert catalog.images().num_rows == CHUNK + 20


def test_equal_choices_have_one_key(tmp_path: Path) -> None:
    assert source_key("table", tmp_path, 3) == source_key("table", str(tmp_path), 3)
    assert (
        len({source_key("table", "a", 3), source_key("table", "a", 4), source_key("table", "b", 3), source_key("x", "a", 3)}) == 4
    )


def test_two_tasks_scrape_a_source_once(site: CountingSite, catalog: Catalog, tmp_path: Path) -> None:
    from perennial.sources.label import label, waiting
    from perennial.sources.scrape import scrape

    task = demo_task(site.url)
    other = task.model_copy(update={"name": "other"})
    scrape(task, catalog)
    asked = site.pictures_asked
    found = scrape(other, catalog)
    assert (found.posts, found.known, site.pictures_asked) == (0, 40, asked)
    assert waiting(other, catalog)
    assert label(other, catalog)
    assert not waiting(other, catalog)
    assert not waiting(foreign(tmp_path), catalog)


def foreign(folder: Path) -> Task:
    """Return a task whose source no image comes from."""
    return folder_task(folder, "rose", "tulip")


def test_a_store_made_by_others_is_read(catalog: Catalog) -> None:
    Objects.open(catalog.objects.url).put_json("sources/shelf-1.json", {"watermark": "2026-02-01", "cursor": 7})
    shelf = Shelf([post("1")])
    scrape_source(shelf, catalog)
    document = State(catalog.objects, shelf.key).document()
    assert (document["watermark"], document["cursor"]) == (DAY.isoformat(), 7)
