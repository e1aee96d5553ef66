"""Scraping the demo's site: each thing once, whatever happens in between."""

import datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from perennial.catalog.catalog import Catalog
from perennial.catalog.quarantine import quarantined
from perennial.errors import SourceError
from perennial.settings import Settings
from perennial.sources import scrape as scraping
from perennial.sources.demo_site.pages import picture_address
from perennial.sources.demo_site.posts import first_day
from perennial.sources.label import label
from perennial.sources.scrape import Scraped, open_source, scrape
from perennial.task import ArchDailySource
from tests.sources.conftest import CountingSite, demo_task
from tests.sources.killing import scraped_though_killed

WEEK = datetime.timedelta(days=7)


def rows(catalog: Catalog) -> list[dict[str, object]]:
    return list(catalog.images().to_pylist())


def test_posts_become_images_and_labels(site: CountingSite, catalog: Catalog) -> None:
    task = demo_task(site.url)
    seen: list[tuple[int, int]] = []
    found = scrape(task, catalog, progress=lambda done, total: seen.append((done, total)))
    posts = {f"demo/{post.id}": post for post in site.posts()}
    assert found == Scraped(posts=40, images=sum(len(post.kinds) for post in posts.values()))
    assert seen[-1] == (40, 40)
    assert [done for done, _ in seen] == list(range(1, 41))
    for row in rows(catalog):
        post = posts[str(row["post"])]
        assert (row["published"], row["place"], row["source"]) == (post.day, post.place, "demo")
        assert str(row["url"]).startswith("/media/images/")
        assert row["kind"] in {*post.kinds, "photo"}
    batch = label(task, catalog)
    assert batch
    assert (batch.images, batch.first, batch.last) == (found.images, first_day(), first_day() + WEEK)
    labelled = catalog.labelled("demo").to_pylist()
    assert all(row["cls"] == posts[row["post"]].region for row in labelled)
    assert label(task, catalog) is None


def test_a_known_post_is_not_fetched_again(site: CountingSite, catalog: Catalog) -> None:
    task = demo_task(site.url)
    scrape(task, catalog)
    asked = site.pictures_asked
    assert scrape(task, catalog) == Scraped(known=40)
    site.today += datetime.timedelta(days=1)
    found = scrape(task, catalog)
    assert (found.posts, found.known) == (5, 40)
    assert site.pictures_asked == asked + found.images
    assert max(site.asked[path] for path in site.asked if path.startswith("/media/")) == 1


def test_the_watermark_spares_the_old_listing(site: CountingSite, catalog: Catalog) -> None:
    task = demo_task(site.url)
    site.today = first_day() + datetime.timedelta(days=30)
    scrape(task, catalog)
    listed = site.asked["/search/api/v1/us/projects"]
    site.today += datetime.timedelta(days=1)
    assert scrape(task, catalog).posts == 5
    assert site.asked["/search/api/v1/us/projects"] <= listed + 2


def test_a_missing_picture_and_a_missing_page_are_set_down(site: CountingSite, catalog: Catalog) -> None:
    first, second = site.posts()[:2]
    picture = urlsplit(picture_address(first, site.seed, 0, "large_jpg", "")).path
    site.gone = {picture, f"/{second.id}/{second.slug}"}
    found = scrape(demo_task(site.url), catalog)
    assert (found.posts, found.quarantined) == (40, 2)
    assert {record.name for record in quarantined(catalog.objects)} == {picture, str(second.id)}
    posts = [row["post"] for row in rows(catalog)]
    assert f"demo/{second.id}" not in posts
    assert posts.count(f"demo/{first.id}") == len(first.kinds) - 1
    assert scrape(demo_task(site.url), catalog) == Scraped(known=40)


def test_a_site_that_fails_midway_is_an_error_and_the_rest_comes_later(
    site: CountingSite, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scraping, "CHUNK", 8)
    task = demo_task(site.url)
    site.broken_after = 50
    with pytest.raises(SourceError, match="doesn't answer"):
        scrape(task, catalog)
    kept = catalog.images().num_rows
    assert 20 < kept <= 50
    site.broken_after = None
    found = scrape(task, catalog)
    assert found.known > 8
    assert kept + found.images == sum(len(post.kinds) for post in site.posts())


def test_a_killed_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with CountingSite(seed=3, today=first_day() + datetime.timedelta(days=11), delay_s=0.01) as site:
        assert len(site.posts()) == 60
        scraped_though_killed(site, tmp_path, kills=3, seed=3)


def test_no_site_is_an_error(catalog: Catalog) -> None:
    with pytest.raises(SourceError, match="has no base_url"):
        scrape(demo_task(""), catalog)


def test_archdaily_is_off_without_permission(catalog: Catalog) -> None:
    spec = ArchDailySource(type="archdaily")
    with pytest.raises(SourceError, match="is off: its terms forbid scraping"):
        open_source(spec, catalog.objects, Settings())
    allowed = spec.model_copy(update={"permission": "The editors, 2 May 2025"})
    open_source(allowed, catalog.objects, Settings(contact="us@example.org")).close()


def test_a_source_that_is_off_does_not_stop_the_others(site: CountingSite, catalog: Catalog) -> None:
    task = demo_task(site.url)
    task = task.model_copy(update={"sources": (ArchDailySource(type="archdaily"), *task.sources)})
    found = scrape(task, catalog)
    assert (found.posts, catalog.images().num_rows) == (40, found.images)
    assert [(run.source, run.status, run.posts) for run in found.sources] == [("archdaily", "off", 0), ("demo", "done", 40)]
    assert found.sentence == f"40 new posts, {found.images} new images, 0 quarantined; archdaily is off"
