"""Runs over the demo's site when it changes: what the run says, and what the catalog holds afterwards."""

import datetime
from typing import Any

import pytest

from perennial.catalog.catalog import Catalog
from perennial.catalog.quarantine import quarantined
from perennial.errors import SourceError
from perennial.sources.demo import DemoSource
from perennial.sources.demo_site.posts import first_day
from perennial.sources.scrape import Scraped, scrape
from tests.sources.conftest import CountingSite, demo_task


class ChangedSite(CountingSite):
    """The demo's site with some of its pages' words replaced, or its listing JSON taken away."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.replaced: dict[bytes, bytes] = {}
        self.without_json = False

    def answer(self, path: str, query: str) -> tuple[str, bytes] | None:
        found = super().answer(path, query)
        if found is None or (self.without_json and path.startswith("/search/")):
            return None
        kind, body = found
        if kind.startswith("text/html"):
            for old, new in self.replaced.items():
                body = body.replace(old, new)
        return kind, body


@pytest.fixture
def changed() -> Any:
    with ChangedSite(seed=0, today=first_day() + datetime.timedelta(days=7)) as site:
        yield site


def test_a_field_that_vanishes_is_one_sentence_in_the_run(changed: ChangedSite, catalog: Catalog) -> None:
    task = demo_task(changed.url)
    assert scrape(task, catalog).sources[0].notes == ()
    changed.replaced = {b"project-category-tier-1": b"kind", b"afd-specs__header-category": b"header__kind"}
    changed.today += datetime.timedelta(days=4)
    found = scrape(task, catalog)
    assert found.posts == 20
    (note,) = found.sources[0].notes
    assert "category in 0% of them (100% before) was found" in note
    assert "place" not in note
    assert note in found.sentence


def test_a_site_without_places_and_pictures_stops_the_source(
    changed: ChangedSite, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = demo_task(changed.url)
    scrape(task, catalog)
    known = catalog.images().num_rows
    changed.today += datetime.timedelta(days=20)
    changed.replaced = {b"gallery-thumbs": b"pictures"}
    with pytest.raises(SourceError, match="demo is stopped: pictures couldn't be found in 20 posts in a row"):
        scrape(task, catalog)
    assert catalog.images().num_rows == known
    monkeypatch.setattr(DemoSource, "parser", DemoSource.parser + 1)  # which knows the site's new shape, here the old one
    changed.replaced = {}
    scrape(task, catalog)
    assert catalog.images().num_rows == sum(len(post.kinds) for post in changed.posts()), (
        "what was read without pictures was read again"
    )


def test_without_its_json_the_front_page_is_read_and_articles_are_skipped(changed: ChangedSite, catalog: Catalog) -> None:
    changed.without_json = True
    task = demo_task(changed.url)
    found = scrape(task, catalog)
    assert found == Scraped(posts=40, images=sum(len(post.kinds) for post in changed.posts()))
    assert "demo: the listing JSON isn't what it was" in found.sentence
    assert not list(quarantined(catalog.objects))
    days = {row["post"]: row["published"] for row in catalog.images().to_pylist()}
    assert days == {f"demo/{post.id}": post.day for post in changed.posts()}
    asked = changed.asked.total()
    changed.today += datetime.timedelta(days=1)
    assert scrape(task, catalog).posts == 5
    assert sum(count for path, count in changed.asked.items() if path.startswith("/media/")) < asked
    assert max(changed.asked[f"/{post.id}/{post.slug}"] for post in changed.posts()) == 1
    changed.without_json = False
    assert scrape(task, catalog) == Scraped(known=45 + 9)
