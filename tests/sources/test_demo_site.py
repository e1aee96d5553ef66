"""The demo's site: real pages over HTTP, the same for the same seed, and days that are what they are said to be."""

import io
import json
import random
from collections import Counter

import httpx
import numpy as np
import pytest
from PIL import Image

from perennial.errors import PortInUse
from perennial.rules import CountryRule
from perennial.sources.demo_site.drawing import draw
from perennial.sources.demo_site.places import PLACES
from perennial.sources.demo_site.posts import CATALOGUE_POSTS_A_DAY, POSTS_A_DAY, WRONG_DAY, day, first_day, posts_of, posts_until
from perennial.sources.demo_site.server import DemoSite
from perennial.sources.demo_site.styles import DRIFT_DAY, REGIONS, building
from tests.sources.conftest import CountingSite

RULE = CountryRule(rule="country")


def test_the_calendar_has_a_back_catalogue_and_full_days() -> None:
    posts = posts_until(0, day(7))
    by_day = Counter(post.day for post in posts)
    assert sum(count for date, count in by_day.items() if date < day(1)) == 900
    assert {by_day[day(number)] for number in range(1, 8)} == {POSTS_A_DAY}
    assert len({post.id for post in posts}) == len(posts)
    assert [post.published for post in posts] == sorted((post.published for post in posts), reverse=True)
    assert (day(2), day(4)) == (WRONG_DAY, DRIFT_DAY)


@pytest.mark.parametrize("seed", range(5))
def test_regions_are_as_unequal_as_in_the_world(seed: int) -> None:
    shares = Counter(post.region for post in posts_until(seed, day(0)))
    assert set(shares) == set(REGIONS) == set(PLACES)
    assert shares["europe"] > 0.28 * 900 > 0.22 * 900 < shares["asia"]
    assert min(shares.values()) >= 0.014 * 900


def test_every_place_is_in_the_table_of_countries() -> None:
    assert {RULE.read({"place": place}).cls for places in PLACES.values() for place in places} == set(PLACES)
    assert all(RULE.read({"place": place}).cls == region for region, places in PLACES.items() for place in places)


@pytest.mark.parametrize("seed", range(3))
def test_labels_are_right_but_for_a_third_of_one_day(seed: int) -> None:
    for number in range(8):
        wrong = sum(RULE.read({"place": post.place}).cls != post.region for post in posts_of(seed, day(number)))
        assert wrong == (POSTS_A_DAY // 3 if day(number) == WRONG_DAY else 0)


def test_another_seed_is_another_site_and_the_same_the_same() -> None:
    assert posts_of(1, day(1)) == posts_of(1, day(1))
    assert posts_of(1, day(1)) != posts_of(2, day(1))
    post = posts_of(3, day(1))[0]
    first, second = (DemoSite(seed=3, today=day(1)) for _ in range(2))
    assert first.picture(post, 0) == second.picture(post, 0)


def test_pages_lead_from_the_listing_to_the_pictures(site: CountingSite) -> None:
    listing = httpx.get(f"{site.url}/search/api/v1/us/projects?page=1").json()
    assert len(listing["results"]) == 18
    newest = listing["results"][0]
    assert newest["publication_date"].startswith(str(site.today))
    page = httpx.get(newest["url"]).text
    assert f'content="{newest["document_id"]}"' in page
    link = page.split('class="gallery-thumbs-link" href="')[1].split('"')[0]
    data = httpx.get(link).text.split('data-images="')[1].split('"')[0].replace("&quot;", '"')
    for shot in json.loads(data):
        image = Image.open(io.BytesIO(httpx.get(shot["url_large"]).content))
        assert (image.format, image.size) == ("JPEG", (240, 180))
    assert 2 <= len(json.loads(data)) <= 3


def test_the_listing_ends(site: CountingSite) -> None:
    pages = [httpx.get(f"{site.url}/search/api/v1/us/projects?page={page}").json()["results"] for page in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [18, 18, 4, 0]
    assert sum(map(len, pages)) == 8 * CATALOGUE_POSTS_A_DAY


def test_posts_appear_on_their_day(site: CountingSite) -> None:
    post = posts_of(site.seed, day(1))[0]
    address = f"{site.url}/{post.id}/{post.slug}"
    assert httpx.get(address).status_code == 404
    site.today = day(1)
    assert httpx.get(address).status_code == 200
    assert httpx.get(f"{site.url}/search/api/v1/us/projects").json()["total_results"] == 985


@pytest.mark.parametrize(
    "path",
    [
        "/page/0x",
        "/x",
        "/1/x",
        "/99999999999/x",
        "/search/api/v1/us/projects?page=x",
        "/media/images/" + "0000/" * 6 + "large_jpg/a.jpg",
    ],
)
def test_nothing_is_found_elsewhere(site: CountingSite, path: str) -> None:
    assert httpx.get(f"{site.url}{path}").status_code == 404


def test_a_taken_port_is_said(site: CountingSite) -> None:
    port = int(site.url.rsplit(":", 1)[1])
    with pytest.raises(PortInUse, match=f"{port}: address already in use"):
        DemoSite(seed=0, today=first_day(), port=port).start()


def test_a_site_starts_again_on_its_port() -> None:
    site = DemoSite(seed=0, today=first_day())
    with site:
        url = site.url
        with httpx.Client() as visitor:
            assert visitor.get(f"{url}/robots.txt").status_code == 200
            site.stop()
            with pytest.raises(httpx.TransportError):
                visitor.get(f"{url}/robots.txt")
    with site:
        assert site.url == url
        assert httpx.get(f"{url}/robots.txt").status_code == 200


def thumbs(number: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return tiny pictures of a region's buildings on a day, and their regions."""
    pixels, regions = [], []
    for at, region in enumerate(REGIONS):
        for index in range(count):
            rng = random.Random(f"{number}/{region}/{index}")
            jpeg = draw(building(region, day(number), rng), "exterior", rng)
            image = Image.open(io.BytesIO(jpeg)).resize((12, 9), Image.Resampling.BOX)
            pixels.append(np.asarray(image, float).ravel())
            regions.append(at)
    return np.array(pixels), np.array(regions)


def test_regions_look_different_and_the_drift_is_one() -> None:
    known, regions = thumbs(0, 24)
    means = np.array([known[regions == at].mean(0) for at in range(len(REGIONS))])

    def accuracy(number: int) -> float:
        pixels, truth = thumbs(number, 8)
        return float((((pixels[:, None] - means) ** 2).sum(2).argmin(1) == truth).mean())

    assert accuracy(3) > 0.55
    assert accuracy(4) < 0.35
