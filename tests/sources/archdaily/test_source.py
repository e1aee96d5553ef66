"""The source on a site in ArchDaily's shapes, whole, changed and damaged: a real server, asked by the real fetcher."""

import datetime
import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from perennial.catalog.objects import Objects
from perennial.errors import SourceError, TaskError
from perennial.rules.base import Reading
from perennial.rules.country import CountryRule
from perennial.settings import Settings
from perennial.sources.archdaily import ArchDailySource, open_archdaily
from perennial.sources.archdaily.watch import PATIENCE
from perennial.sources.posts import Gone, Known, Post, Skipped
from perennial.task import ArchDailySource as Spec
from perennial.task import parse_task
from tests.sources.archdaily import pages
from tests.sources.archdaily.pages import LEFT_OUT, front_page, gallery, project, shot
from tests.sources.conftest import Web

LISTING = "/search/api/v1/us/projects?page="
DAY = datetime.date(2026, 2, 20)
SLUG = "casa-do-miradouro-atelier-sul"


class Site:
    """The pages of a site, which tests put up and take down."""

    def __init__(self, web: Web) -> None:
        self.web = web
        self.url = web.url

    def put(self, path: str, body: bytes, **headers: str) -> None:
        self.web.pages[path] = (200, headers, body)

    def entry(self, number: int, *, days: int = 0, **changes: Any) -> dict[str, Any]:
        """Return one entry of the listing, published some days before DAY."""
        published = f"{DAY - datetime.timedelta(days=days)}T07:00:00Z"
        own = {"document_id": str(number), "url": f"{self.url}/{number}/{SLUG}", "publication_date": published}
        return pages.entry(**{**own, **changes})

    def listing(self, number: int, *entries: Any) -> None:
        self.put(f"{LISTING}{number}", pages.listing(*entries))

    def post(self, number: int, page: bytes | None = None, pictures: Any = None) -> None:
        """Put up a project page and its gallery."""
        path = f"/{number}/{SLUG}"
        link = f'<div id="gallery-thumbs"><a class="gallery-thumbs-link" href="{path}/photo"></a></div>'
        self.put(path, project(thumbs=link) if page is None else page.replace(b"/1040705/", f"/{number}/".encode()))
        self.put(f"{path}/photo", gallery([shot(1), shot(2), shot(3), shot(4)] if pictures is None else pictures))

    @property
    def asked(self) -> dict[str, int]:
        return {path: count for path, count in self.web.asked.items() if path != "/robots.txt"}


@pytest.fixture
def site(web: Web) -> Site:
    return Site(web)


@pytest.fixture
def objects(tmp_path: Any) -> Objects:
    return Objects.open((tmp_path / "store").as_uri())


def opened(site: Site, objects: Objects, **changes: Any) -> ArchDailySource:
    spec = Spec(type="archdaily", base_url=site.url, permission="us, today", delay_s=0, **changes)
    return open_archdaily(spec, objects, Settings(contact="us@example.org"))


@pytest.fixture
def source(site: Site, objects: Objects) -> Iterator[ArchDailySource]:
    source = opened(site, objects)
    yield source
    source.close()


def ids(source: ArchDailySource, known: Known | None = None) -> list[str]:
    return [post.id for post in source.posts(known or Known.nothing())]


def one(source: ArchDailySource) -> Post:
    return source.complete(next(source.posts(Known.nothing())))


def test_pages_of_the_listing_are_read_to_the_end(site: Site, source: ArchDailySource) -> None:
    site.listing(1, site.entry(9), site.entry(8))
    site.listing(2, site.entry(8), site.entry(7))  # one moved on while page 1 was read
    site.listing(3)
    posts = list(source.posts(Known.nothing()))
    assert [post.id for post in posts] == ["9", "8", "7"]
    assert (posts[0].published, posts[0].url) == (DAY, f"{site.url}/9/{SLUG}")
    assert posts[0].metadata["place"] == "Porto, Portugal"
    assert source.said == []


def test_known_posts_are_left_out_and_old_pages_not_asked(site: Site, source: ArchDailySource) -> None:
    site.listing(1, site.entry(9), site.entry(8, days=1), site.entry(7, days=2))
    site.listing(2, site.entry(6, days=4), site.entry(5, days=5))
    known = Known.of({"8": "", "6": ""}, watermark=DAY - datetime.timedelta(days=1))
    assert ids(source, known) == ["9", "7"]
    assert site.asked == {f"{LISTING}1": 1, f"{LISTING}2": 1}


@pytest.mark.parametrize("headers", [{}, {"ETag": '"one"'}])
def test_a_run_with_nothing_new_costs_one_page(site: Site, objects: Objects, headers: dict[str, str]) -> None:
    entries = [site.entry(number) for number in range(60, 0, -1)]
    for number in range(1, 5):
        site.put(f"{LISTING}{number}", pages.listing(*entries[(number - 1) * 18 : number * 18]), **headers)
    known = Known.of({str(number): "" for number in range(1, 61)}, watermark=DAY)
    for _ in range(3):
        source = opened(site, objects)
        assert ids(source, known) == []
        source.close()
    assert site.asked == {f"{LISTING}1": 3}


def test_a_first_page_whose_posts_were_not_all_taken_is_read_again(site: Site, objects: Objects) -> None:
    """The run is killed after the listing was read; the page is as it was, and yet there is something to do."""
    site.listing(1, site.entry(9), site.entry(8))
    site.listing(2)
    for known in (Known.of({"8": ""}, watermark=DAY), Known.of({"8": ""}, watermark=DAY)):
        source = opened(site, objects)
        assert ids(source, known) == ["9"]
        source.close()


def test_page_and_gallery_complete_a_post(site: Site, source: ArchDailySource) -> None:
    site.listing(1, site.entry(9))
    site.listing(2)
    site.post(9)
    post = one(source)
    assert [image.id[-1] for image in post.images] == ["9", "a", "b"]  # the gallery's first three
    assert {image.kind for image in post.images} == {"exterior"}
    assert post.metadata == {
        "place": "Porto, Portugal",
        "country": "Portugal",
        "year": "2024",
        "office": "Atelier Sul",
        "photographer": "Ana Lente",
        "category": "Residential Architecture",
        "categories": "Houses",
        "tags": "Porto, Concrete",
        "area": "240 m²",
    }


@pytest.mark.parametrize(
    ("missing", "kept"),
    [
        ("url", None),
        ("publication_date", DAY),  # the page's
        ("title", DAY),
        ("location", DAY),
        ("document_id", DAY),
        ("year", DAY),
        ("offices", DAY),
    ],
)
def test_a_field_that_the_listing_lacks_is_the_pages(
    site: Site, source: ArchDailySource, missing: str, kept: datetime.date | None
) -> None:
    site.listing(1, site.entry(9, **{missing: LEFT_OUT}), site.entry(8))
    site.listing(2)
    site.post(9)
    site.post(8)
    found = [source.complete(post) for post in source.posts(Known.nothing())]
    assert [post.id for post in found] == (["9", "8"] if kept else ["8"])
    assert all(post.published == DAY and post.title == "Casa do Miradouro / Atelier Sul" for post in found)
    assert all(post.metadata["place"] == "Porto, Portugal" for post in found)


@pytest.mark.parametrize("location", ["", "0", None, "Portugal", LEFT_OUT])
def test_the_page_says_where_where_the_listing_does_not(site: Site, source: ArchDailySource, location: Any) -> None:
    site.listing(1, site.entry(9, location=location))
    site.post(9)
    assert one(source).metadata["place"] == "Porto, Portugal"


def test_a_place_that_nothing_names_is_absent(site: Site, source: ArchDailySource) -> None:
    site.listing(1, site.entry(9, location="0"))
    site.post(9, project("location", "header-location"))
    assert "place" not in one(source).metadata


def test_pages_that_are_gone_and_galleries_that_are(site: Site, source: ArchDailySource) -> None:
    site.listing(1, site.entry(9))
    site.post(9)
    del site.web.pages[f"/9/{SLUG}/photo"]
    assert one(source).images == ()
    del site.web.pages[f"/9/{SLUG}"]
    with pytest.raises(Gone, match="answers 404"):
        one(source)


def test_pages_that_robots_txt_forbids_are_a_failure_and_not_empty(site: Site, source: ArchDailySource) -> None:
    site.listing(1, site.entry(9))
    site.post(9)
    site.put("/robots.txt", f"User-agent: *\nDisallow: /9/{SLUG}/photo\nDisallow: {LISTING}2\n".encode())
    posts = source.posts(Known.nothing())
    with pytest.raises(SourceError, match=r"photo may not be fetched: the robots\.txt") as found:
        source.complete(next(posts))
    assert not isinstance(found.value, Gone)
    with pytest.raises(SourceError, match=r"page=2 isn't the listing that was expected: .*robots\.txt"):
        next(posts)


def test_what_ends_a_place_is_the_country(site: Site, source: ArchDailySource) -> None:
    site.listing(1, site.entry(9, location="Tbilisi, Georgia"))
    site.post(9)
    found = one(source).metadata
    assert (found["place"], found["country"]) == ("Tbilisi, Georgia", "Georgia")
    assert CountryRule(rule="country").read(found) == Reading("europe")


def test_articles_are_skipped(site: Site, source: ArchDailySource) -> None:
    site.listing(1, site.entry(9))
    site.post(9, project(type='<meta property="archdaily:type" content="Articles">'))
    with pytest.raises(Skipped, match="of the type 'Articles'"):
        one(source)


def test_a_gallery_elsewhere_is_not_followed(site: Site, source: ArchDailySource) -> None:
    site.listing(1, site.entry(9))
    link = '<div id="gallery-thumbs"><a class="gallery-thumbs-link" href="http://127.0.0.1:9/gallery"></a></div>'
    site.post(9, project(thumbs=link))
    assert one(source).images == ()


def test_a_slug_in_another_script_is_fetched(site: Site, source: ArchDailySource) -> None:
    site.listing(1, site.entry(9, url=f"{site.url}/9/casa-são-建築"))
    site.put("/9/casa-s%C3%A3o-%E5%BB%BA%E7%AF%89", project("thumbs"))
    assert one(source).title == "Casa do Miradouro / Atelier Sul"


def test_hostile_captions_stay_captions(site: Site, source: ArchDailySource) -> None:
    hostile = "<script>alert(1)</script>Exterior\x00\x1b " + "x" * 1_000_000
    site.listing(1, site.entry(9))
    site.post(9, pictures=[shot(1, caption=hostile)])
    (image,) = one(source).images
    assert image.caption.startswith("Exterior xxx")
    assert len(image.caption) == 1000
    assert image.kind == "exterior"


def test_posts_dated_in_the_future_are_listed_once(site: Site, source: ArchDailySource) -> None:
    site.listing(1, site.entry(9, days=-40000), site.entry(8))
    site.listing(2)
    assert ids(source) == ["9", "8"]
    assert ids(source, Known.of({"9": "", "8": ""}, watermark=DAY)) == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<!DOCTYPE html><html></html>", "it isn't JSON"),
        (b"{}", "no 'results'"),
        (json.dumps({"results": [{"id": 1}]}).encode(), "has a 'url'"),
        (None, "answers 404"),
    ],
)
def test_the_front_page_stands_in_for_the_listing(site: Site, source: ArchDailySource, body: bytes | None, reason: str) -> None:
    if body is not None:
        site.put(f"{LISTING}1", body)
    site.put("/", front_page(f"/9/{SLUG}", f"/8/{SLUG}"))
    site.put("/page/2", front_page(f"/8/{SLUG}", f"/7/{SLUG}"))
    for number in (9, 7):
        site.post(number)
    site.post(8, project(type='<meta property="archdaily:type" content="Articles">'))
    posts = list(source.posts(Known.nothing()))
    assert [post.id for post in posts] == ["9", "8", "7"]
    (said,) = source.said
    assert reason in said
    assert "the front page was read instead" in said
    assert (source.complete(posts[0]).published, len(source.complete(posts[2]).images)) == (DAY, 3)
    with pytest.raises(Skipped):
        source.complete(posts[1])


def test_what_is_new_on_the_front_page_comes_oldest_first(site: Site, source: ArchDailySource) -> None:
    site.put("/", front_page(*(f"/{number}/{SLUG}" for number in (9, 8, 7, 6))))
    assert ids(source, Known.of({"6": "", "7": ""}, watermark=DAY)) == ["8", "9"]


@pytest.mark.parametrize("front", [None, b"<html></html>", b"{}"])
def test_a_site_that_lists_nothing_any_more_is_said(site: Site, source: ArchDailySource, front: bytes | None) -> None:
    site.put(f"{LISTING}1", b"<html></html>")
    if front is not None:
        site.put("/", front)
    with pytest.raises(SourceError, match=r"isn't the listing that was expected .*the front page doesn't help.*sources check"):
        ids(source)


def test_a_later_page_in_another_shape_ends_the_run(site: Site, source: ArchDailySource) -> None:
    site.listing(1, site.entry(9))
    site.put(f"{LISTING}2", b"<html></html>")
    with pytest.raises(SourceError, match="page=2 isn't the listing that was expected: it isn't JSON"):
        ids(source)


@pytest.mark.parametrize(
    ("page", "pictures", "missing"),
    [
        (project("location", "header-location"), None, "a place"),
        (None, [], "pictures"),
        (project("thumbs"), None, "pictures"),
        (project("type"), None, "pictures and the type of a page"),
        (b"<html><body>Welcome to our new site</body></html>", None, "a place and pictures and the type"),
    ],
)
def test_a_site_that_lost_what_all_rests_on_is_stopped(
    site: Site, source: ArchDailySource, page: bytes | None, pictures: Any, missing: str
) -> None:
    numbers = range(1, PATIENCE + 1)
    site.listing(1, *(site.entry(number, location="0") for number in numbers))
    site.listing(2)
    for number in numbers:
        site.post(number, page, pictures)
    posts = list(source.posts(Known.nothing()))
    for post in posts[:-1]:
        source.complete(post)
    with pytest.raises(SourceError, match=rf"is stopped: {missing}.* in 20 posts in a row.*perennial sources check archdaily"):
        source.complete(posts[-1])


def test_now_and_then_a_post_may_lack_anything(site: Site, source: ArchDailySource) -> None:
    site.listing(1, *(site.entry(number, location="0") for number in range(1, 60)))
    site.listing(2)
    for number in range(1, 60):
        site.post(number, None if number % PATIENCE == 0 else project("location", "header-location", "thumbs", "type"))
    assert len([source.complete(post) for post in source.posts(Known.nothing())]) == 59


def test_a_backfill_takes_the_sitemaps_posts_newest_first(site: Site, objects: Objects) -> None:
    site.listing(1, site.entry(90), site.entry(80))
    site.listing(2)
    lists = [(f"{site.url}/{name}.xml.gz", day) for name, day in (("old", "2024-01-01"), ("new", "2026-01-01"))]
    site.put("/sitemap.xml", pages.sitemap(*lists, ("http://127.0.0.1:9/x.xml", "2026-01-01"), index=True))
    old = [(f"{site.url}/{number}/{SLUG}", "2023-12-01") for number in (10, 30, 20)]
    site.put("/old.xml.gz", pages.sitemap(*old, (f"{site.url}/search/projects", "2023-12-01")))
    site.put("/new.xml.gz", pages.sitemap((f"{site.url}/80/{SLUG}", "2025-12-31"), (f"{site.url}/70/{SLUG}", "2025-11-30")))
    source = opened(site, objects, backfill=True)
    assert ids(source) == ["90", "80", "80", "70", "30", "20", "10"]  # the state leaves out what was taken meanwhile
    taken = dict.fromkeys(("90", "80", "70", "30"), "")
    assert ids(source, Known.of(taken)) == ["20", "10"]
    everything = Known.of({**taken, "20": "", "10": ""}, watermark=DAY)
    assert ids(source, everything) == []
    assert ids(source, everything) == []
    site.post(10)
    assert source.complete(Post("10", f"{site.url}/10/{SLUG}", datetime.date.min, "")).published == DAY
    assert source.said == []
    source.close()
    assert ids(opened(site, objects)) == ["90", "80"]  # without a backfill


@pytest.mark.parametrize("body", [None, b"<html></html>", gzip.compress(b" " * 70_000_000, mtime=0)])
def test_a_sitemap_that_cannot_be_read_is_said(site: Site, objects: Objects, body: bytes | None) -> None:
    site.listing(1, site.entry(9))
    site.listing(2)
    if body is not None:
        site.put("/sitemap.xml", body)
    source = opened(site, objects, backfill=True)
    assert ids(source) == ["9"]
    assert len(source.said) == 1
    assert "can't be read as a sitemap" in source.said[0]
    source.close()


def test_it_is_off_until_permission_and_contact_are_set(objects: Objects) -> None:
    spec = Spec(type="archdaily", base_url="http://127.0.0.1:1")
    with pytest.raises(SourceError, match=r"is off: its terms forbid scraping.*'permission'"):
        open_archdaily(spec, objects, Settings(contact="us@example.org"))
    allowed = spec.model_copy(update={"permission": "The editors, 2 May 2026"})
    with pytest.raises(SourceError, match="PERENNIAL_CONTACT"):
        open_archdaily(allowed, objects, Settings())
    open_archdaily(allowed, objects, Settings(contact="us@example.org")).close()


def test_archdaily_is_not_asked_faster_than_every_two_seconds() -> None:
    task = "{name: a, classes: [africa, asia], label: {rule: country}, sources: [{type: archdaily, delay_s: 0.5%s}]}"
    with pytest.raises(TaskError, match="every 2 seconds at most"):
        parse_task(task % "", "a.yaml")
    parse_task(task % ", base_url: 'http://127.0.0.1:8000'", "a.yaml")


def test_state_is_shared_by_specs_that_choose_the_same(site: Site, objects: Objects) -> None:
    keys = {opened(site, objects, **changes).key for changes in ({}, {"backfill": True}, {"overlap_days": 9})}
    assert len(keys) == 1
    assert opened(site, objects, images_per_post=5).key not in keys
