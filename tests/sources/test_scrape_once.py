"""Each image once, and the same rows, whatever ends a run and whoever reads beside it."""

import datetime
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from perennial.catalog.catalog import Catalog
from perennial.catalog.leases import lease
from perennial.catalog.objects import Objects
from perennial.catalog.quarantine import quarantined
from perennial.errors import LeaseLost, SourceError
from perennial.sources import reading
from perennial.sources import scrape as scraping
from perennial.sources.posts import Gone, ImageRef, Paused
from perennial.sources.scrape import scrape_source
from perennial.sources.state import State
from tests.sources.shelf import DAY, Shelf, drawn, post


class Death(BaseException):
    """The process ends here."""


class Mortal(Objects):
    """A store whose user dies at a given change: before it if ``late`` is false, else right after."""

    life: float = float("inf")
    late: bool = False

    @property
    def dead(self) -> bool:
        return self.life < 0

    def put(self, key: str, data: bytes) -> None:
        self._step(key, lambda: Objects.put(self, key, data))

    def create(self, key: str, data: bytes) -> bool:
        return bool(self._step(key, lambda: Objects.create(self, key, data)))

    def delete_all(self, keys: Any) -> None:
        self._step("", lambda: Objects.delete_all(self, keys))

    def locked(self, name: str) -> AbstractContextManager[None]:
        return self._around(name)

    @contextmanager
    def _around(self, name: str) -> Iterator[None]:
        with Objects.locked(self, name):
            if name.startswith("table"):
                self._step(name, lambda: None)
            yield
        if name.startswith("table"):
            self._step(name, lambda: None)

    def _step(self, key: str, change: Callable[[], Any]) -> Any:
        if key.startswith("leases/"):
            return change()
        was_dead = self.dead
        self.life -= 1
        if was_dead or (self.dead and not self.late):
            raise Death
        result = change()
        if self.dead:
            raise Death
        return result


class Asking(Shelf):
    """A shelf that the dead don't ask."""

    store: Mortal | None = None

    def _give(self, address: str) -> bytes | None:
        if self.store is not None and self.store.dead:
            raise Death
        return super()._give(address)


def shelf() -> Asking:
    """Five posts: a picture shown by two of them, by name and by bytes, one that is gone, one that is none."""
    same = ImageRef("twin", kind="interior", caption="the same bytes under another name")
    source = Asking([post("5", "a", "b"), post("4", "b", "c"), post("3", "gone", "bad"), post("2", same, "gone"), post("1", "a")])
    source.wrong = {"gone": Gone("answers 404."), "bad": b"GIF89a", "twin": drawn("c")}
    return source


def outcome(catalog: Catalog) -> object:
    """Return rows, quarantine and what is remembered."""
    state = State(catalog.objects, "shelf-1")
    return (
        catalog.images().to_pylist(),
        [(record.name, record.reason, record.size) for record in quarantined(catalog.objects)],
        (state.count(), state.known().watermark, state.fetched(["a", "b", "c", "twin", "gone", "bad"])),
        [key for key in catalog.objects.keys("sources") if key.count("/") > 1],
    )


def test_an_image_in_two_posts_is_fetched_once_and_is_of_the_first(catalog: Catalog) -> None:
    source = shelf()
    found = scrape_source(source, catalog)
    assert (found.posts, found.images, found.quarantined) == (5, 3, 2)
    assert source.asked == dict.fromkeys(source.asked, 1)
    rows = {row["url"]: row["post"] for row in catalog.images().to_pylist()}
    assert rows == {"a": "shelf/5", "b": "shelf/5", "c": "shelf/4"}


@pytest.mark.parametrize(("chunk", "late"), [(1, False), (2, True)])
def test_a_run_that_dies_at_any_write_is_made_good(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, chunk: int, late: bool
) -> None:
    calm = Catalog.open(Objects.open(f"{catalog.objects.url}-calm"))
    scrape_source(shelf(), calm)
    expected = outcome(calm)
    monkeypatch.setattr(scraping, "CHUNK", chunk)
    life = 0
    while life < 200:
        here = Mortal.open(f"{catalog.objects.url}-{life}")
        assert isinstance(here, Mortal)
        here.life, here.late = life, late
        source = shelf()
        source.store = here
        try:
            scrape_source(source, Catalog.open(here))
        except Death:
            pass
        else:
            break
        recorded = {record.image for record in State(here, source.key).journal.read()}
        here.life = float("inf")
        scrape_source(source, Catalog.open(here))
        assert outcome(Catalog.open(here)) == expected, f"died at write {life}"
        again = {name for name, count in source.asked.items() if count > 1 and not name.startswith("/")}
        assert not again & recorded, f"asked again after write {life}"
        assert len(again) <= source.workers, f"asked again after write {life}: {again}"
        life += 1 if life < 12 else 3
    assert 20 < life < 200


def test_a_second_run_waits_for_the_first_and_finds_nothing_left(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scraping, "TURN_S", 0.2)
    source = Shelf([post("1", "a")])
    said: list[str] = []
    with lease(catalog.objects, f"sources/{source.key}"):
        second = threading.Thread(target=lambda: scrape_source(source, catalog, say=said.append))
        second.start()
        deadline = time.monotonic() + 20
        while len(said) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not source.asked
    second.join(20)
    assert set(said) == {"another run reads shelf; this one goes on when it ends"}
    assert source.asked == {"/1": 1, "a": 1}


def test_two_runs_at_once_fetch_each_image_once(catalog: Catalog) -> None:
    source = Shelf([post(str(number), f"picture {number}") for number in range(30)])
    runs = [threading.Thread(target=scrape_source, args=(source, catalog)) for _ in range(3)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(60)
    assert set(source.asked.values()) == {1}
    assert catalog.images().num_rows == 30


def test_a_run_that_was_taken_for_dead_writes_nothing_more(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scraping, "CHUNK", 1)
    source = Shelf([post("2", "a"), post("1", "b")], workers=1)
    key = f"leases/sources/{source.key}.json"

    def taken_over(done: int, listed: int) -> None:
        if done == 2:
            catalog.objects.put_json(key, {**catalog.objects.get_json(key), "token": "another"})

    with pytest.raises(LeaseLost, match="is lost"):
        scrape_source(source, catalog, progress=taken_over)
    assert catalog.images()["post"].to_pylist() == ["shelf/2"]


def test_a_pause_keeps_what_there_is_and_a_later_run_goes_on(catalog: Catalog) -> None:
    source = Shelf([post("3", "a"), post("2", "b"), post("1", "c")], workers=1)
    source.wrong = {"/2": Paused("100 of 100 requests of the day are made.")}
    found = scrape_source(source, catalog)
    assert (found.posts, found.status, found.told) == (1, "paused", "shelf paused: 100 of 100 requests of the day are made.")
    assert State(catalog.objects, source.key).known().watermark is None
    assert State(catalog.objects, source.key).document()["last"]["status"] == "paused"
    source.wrong.clear()
    source.end = Paused("that was all for today.")
    assert scrape_source(source, catalog).posts == 2
    source.end = None
    scrape_source(source, catalog)
    assert State(catalog.objects, source.key).known().watermark == DAY
    assert {name: source.asked[name] for name in "abc"} == {"a": 1, "b": 1, "c": 1}


def test_one_post_that_cannot_be_read_is_left_to_the_next_run_and_given_up_after_days(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    yesterday = DAY - datetime.timedelta(days=1)
    source = Shelf([post("3", "a"), post("2", "b", published=yesterday), post("1", "c", published=yesterday)])
    source.wrong = {"b": SourceError("b answers 500.")}
    found = scrape_source(source, catalog)
    assert (found.status, found.posts, found.failed) == ("done", 2, 1)
    assert found.told == "1 post of shelf left to the next run: b answers 500."
    assert State(catalog.objects, source.key).known().watermark == yesterday - datetime.timedelta(days=1)
    assert scrape_source(source, catalog).status == "failed"
    monkeypatch.setattr(reading, "TRIED_DAYS", 0)
    found = scrape_source(source, catalog)
    assert (found.status, found.posts, found.failed, found.quarantined) == ("done", 1, 0, 1)
    assert [record.reason for record in quarantined(catalog.objects)] == ["Given up after 0 days: b answers 500."]
    assert scrape_source(source, catalog).posts == 0
    assert State(catalog.objects, source.key).known().watermark == DAY
    assert source.asked["b"] == 3


def test_several_in_a_row_end_the_source(catalog: Catalog) -> None:
    source = Shelf([post(str(number), f"picture {number}") for number in range(40)], workers=1)
    source.wrong = {f"picture {number}": SourceError("the site is away.") for number in range(10, 40)}
    found = scrape_source(source, catalog)
    assert (found.status, found.posts, found.sentence) == ("failed", 10, "the site is away.")
    assert source.asked.total() < 2 * 20
    source.wrong.clear()
    assert scrape_source(source, catalog).posts == 30
    assert max(source.asked[f"picture {number}"] for number in range(10)) == 1


def test_hostile_words_are_cleaned_and_licence_and_credit_kept(catalog: Catalog) -> None:
    hostile = "<b onload=x>\x00\x1b[2J\u202e" + "x" * (1 << 20)
    picture = ImageRef("a", caption=hostile, licence="CC BY-SA 4.0", credit="A. Lens\x07")
    source = Shelf([post("1\x00\ud800", picture, title=hostile, place=hostile, **{hostile: hostile}), post("2", "b")])
    source.shown[1].metadata["photographer"] = "B. Lens"
    assert scrape_source(source, catalog).images == 2
    rows = {row["url"]: row for row in catalog.images().to_pylist()}
    row = rows["a"]
    assert (row["licence"], row["credit"], rows["b"]["credit"]) == ("CC BY-SA 4.0", "A. Lens", "B. Lens")
    for text in (row["title"], row["place"], row["metadata"], row["post"]):
        assert len(text) < 9_000
        assert text.isprintable()
    assert scrape_source(source, catalog).posts == 0
