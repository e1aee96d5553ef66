"""The demo's site has every page that ArchDaily has, and its words are true of its pictures."""

import datetime
import json
from collections import Counter

import httpx
import pytest
from protego import Protego

from perennial.sources.archdaily.gallery import parse_gallery
from perennial.sources.archdaily.listing import parse_front_page, parse_listing
from perennial.sources.archdaily.project import PROJECT, parse_project
from perennial.sources.archdaily.sitemap import parse_sitemap
from perennial.sources.demo_site import pages
from perennial.sources.demo_site.articles import article_of
from perennial.sources.demo_site.places import COMMERCIAL, CULTURAL, RESIDENTIAL, STYLES
from perennial.sources.demo_site.posts import day, first_day, posts_until, traits
from tests.sources.archdaily.pages import entry
from tests.sources.conftest import CountingSite

URL = "http://127.0.0.1:1"


def test_categories_and_styles_are_what_is_drawn() -> None:
    posts = posts_until(0, day(6))
    floors = {RESIDENTIAL: range(3), CULTURAL: range(3, 5), COMMERCIAL: range(5, 20)}
    for post in posts:
        look = traits(0, post.id, post.region, post.day)
        assert look.rows in floors[post.category]
        assert post.style == STYLES[look.textures[0]]
    shares = Counter(post.category for post in posts)
    assert min(shares.values()) > 0.15 * len(posts)


def test_a_third_of_the_photographs_leaves_open_what_they_show() -> None:
    kinds = Counter[str]()
    for post in posts_until(0, day(0))[:400]:
        found = parse_gallery(pages.gallery(post, 0, URL).encode(), f"{URL}/x")
        assert len(found) == len(post.kinds)
        for shot, kind in zip(found, post.kinds, strict=True):
            assert shot.kind in (kind, "photo")
            assert shot.credit == ("" if kind == "drawing" else post.photographer)
            kinds[shot.kind] += 1
    photographs = kinds.total() - kinds["drawing"]
    assert 0.28 < kinds["photo"] / photographs < 0.39
    assert kinds["drawing"] > 0


def test_the_listing_has_every_field_that_archdailys_has() -> None:
    posts = posts_until(0, day(0))[:36]
    found = json.loads(pages.listing(posts, 1, 0, URL))["results"]
    assert all(set(shown) == set(entry()) for shown in found)
    assert {shown["location"] for shown in json.loads(pages.listing(posts_until(0, day(0))[:18], 1, 0, URL))["results"]} > {""}
    parsed = parse_listing(pages.listing(posts, 2, 0, URL).encode(), URL).posts
    assert [post.id for post in parsed] == [str(post.id) for post in posts[18:]]


def test_a_project_page_says_what_the_site_knows() -> None:
    post = posts_until(0, day(0))[0]
    found = parse_project(pages.project(post, 0, URL).encode(), f"{URL}/{post.id}/{post.slug}")
    assert (found.type, found.id, found.published) == (PROJECT, str(post.id), post.day)
    assert found.metadata == {
        "place": post.place,
        "year": str(post.day.year),
        "office": post.office,
        "category": post.category,
        "photographer": post.photographer,
        "style": post.style,
    }


def test_the_front_page_mixes_articles_in(site: CountingSite) -> None:
    ids = []
    for number in range(1, 5):
        answer = httpx.get(f"{site.url}/page/{number}" if number > 1 else site.url)
        assert answer.status_code == (200 if number < 4 else 404)
        ids += [post.id for post in parse_front_page(answer.content, site.url).posts]
    articles = {str(found.id) for date in {post.day for post in site.posts()} if (found := article_of(date))}
    assert sorted(ids) == sorted({str(post.id) for post in site.posts()} | articles)
    address = next(post.url for post in parse_front_page(httpx.get(site.url).content, site.url).posts if post.id in articles)
    assert parse_project(httpx.get(address).content, address).type == "Articles"
    assert httpx.get(f"{address}/gallery").status_code == 404


def test_the_sitemap_lists_all_pages_by_month(site: CountingSite) -> None:
    site.today = first_day() + datetime.timedelta(days=40)
    index = parse_sitemap(httpx.get(f"{site.url}/sitemap.xml").content)
    assert [address.rpartition("/")[2] for address, _ in index.lists] == ["2025-10.xml.gz", "2025-09.xml.gz"]
    listed = [page for address, _ in index.lists for page, _ in parse_sitemap(httpx.get(address).content).pages]
    assert len(listed) == len(set(listed)) == 41 * 6
    assert httpx.get(listed[-1]).status_code == 200
    assert httpx.get(f"{site.url}/sitemaps/1999-01.xml.gz").status_code == 404


def test_robots_may_read_what_the_source_reads(site: CountingSite) -> None:
    rules = Protego.parse(httpx.get(f"{site.url}/robots.txt").text)
    open_ones = ("/", "/page/2", "/1/x", "/search/api/v1/us/projects?page=1", "/sitemap.xml")
    assert all(rules.can_fetch(f"{site.url}{path}", "perennial") for path in open_ones)
    assert not any(rules.can_fetch(f"{site.url}{path}", "perennial") for path in ("/us/1/x", "/1/x?replytocom=5"))


@pytest.mark.parametrize("path", ["/", "/search/api/v1/us/projects?page=1", "/sitemap.xml"])
def test_a_page_that_did_not_change_is_not_sent_again(site: CountingSite, path: str) -> None:
    tag = httpx.get(f"{site.url}{path}").headers["etag"]
    again = httpx.get(f"{site.url}{path}", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    site.today += datetime.timedelta(days=1)
    assert httpx.get(f"{site.url}{path}", headers={"If-None-Match": tag}).status_code == 200


def test_an_address_may_have_letters_of_any_script(site: CountingSite) -> None:
    post = next(post for post in site.posts() if "ü" in post.slug)
    assert httpx.get(f"{site.url}/{post.id}/{post.slug}").status_code == 200
    assert httpx.get(pages.picture_address(post, site.seed, 0, "large_jpg", site.url)).status_code == 200
