"""The adapter on pages in ArchDaily's shapes, whole and damaged."""

import datetime
import html
import json
from collections.abc import Iterator
from typing import Any

import pytest

from perennial.errors import SourceError
from perennial.sources.archdaily import ArchDailySource
from perennial.sources.posts import Gone, Known
from tests.sources.conftest import Web

LISTING = "/search/api/v1/us/projects?page="
DAY = datetime.date(2026, 2, 20)


def entry(number: int, *, days: int = 0, **changes: Any) -> dict[str, Any]:
    """Return one entry of the listing, published some days before DAY."""
    return {
        "document_id": str(number),
        "title": f"House {number} / Office",
        "url": f"/{number}/house-{number}-office",
        "location": "Porto, Portugal",
        "year": "2025",
        "publication_date": f"{DAY - datetime.timedelta(days=days)}T07:00:00Z",
        "document_type": "project",
        **changes,
    }


def listing(*entries: Any) -> tuple[int, dict[str, str], bytes]:
    return 200, {}, json.dumps({"results": entries}).encode()


def page(body: str) -> tuple[int, dict[str, str], bytes]:
    return 200, {}, f"<!DOCTYPE html><html><head>{body}</head></html>".encode()


def project(gallery: str = "", **metas: str) -> tuple[int, dict[str, str], bytes]:
    tags = "".join(f'<meta name="cXenseParse:{name.replace("_", "-")}" content="{value}">' for name, value in metas.items())
    link = f'<div id="gallery-thumbs"><a class="gallery-thumbs-link" href="{gallery}"></a></div>' if gallery else ""
    return page(f"{tags}</head><body>{link}")


def gallery(items: Any) -> tuple[int, dict[str, str], bytes]:
    return page(f'</head><body><div id="gallery-items" data-images="{html.escape(json.dumps(items))}"></div>')


@pytest.fixture
def source(web: Web) -> Iterator[ArchDailySource]:
    source = ArchDailySource(web.url, delay_s=0)
    yield source
    source.close()


def ids(source: ArchDailySource, known: Known | None = None) -> list[str]:
    return [post.id for post in source.posts(known or Known.nothing())]


def test_pages_of_the_listing_are_read_to_the_end(web: Web, source: ArchDailySource) -> None:
    web.pages[f"{LISTING}1"] = listing(entry(9), entry(8))
    web.pages[f"{LISTING}2"] = listing(entry(8), entry(7))  # one moved on while page 1 was read
    web.pages[f"{LISTING}3"] = listing()
    posts = list(source.posts(Known.nothing()))
    assert [post.id for post in posts] == ["9", "8", "7"]
    assert posts[0].published == DAY
    assert posts[0].url == f"{web.url}/9/house-9-office"
    assert posts[0].metadata == {"place": "Porto, Portugal"}


def test_known_posts_are_left_out_and_old_pages_not_asked(web: Web, source: ArchDailySource) -> None:
    web.pages[f"{LISTING}1"] = listing(entry(9), entry(8, days=1), entry(7, days=2))
    web.pages[f"{LISTING}2"] = listing(entry(6, days=4), entry(5, days=5))
    known = Known.of({"8": "", "6": ""}, watermark=DAY - datetime.timedelta(days=1))
    assert ids(source, known) == ["9", "7"]
    assert web.asked[f"{LISTING}3"] == 0


def test_entries_without_an_id_an_address_or_a_date_are_passed_over(web: Web, source: ArchDailySource) -> None:
    broken = [entry(1, publication_date="soon"), entry(2, document_id="x"), {}, None, "x", {**entry(3), "url": None}]
    web.pages[f"{LISTING}1"] = listing(*broken[:5], entry(4))
    web.pages[f"{LISTING}2"] = listing()
    assert ids(source) == ["4"]


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"results": 3}', b"\xff\xfe"])
def test_another_shape_of_listing_is_said(web: Web, source: ArchDailySource, body: bytes) -> None:
    web.pages[f"{LISTING}1"] = (200, {}, body)
    with pytest.raises(SourceError, match="isn't the listing that was expected"):
        ids(source)


def complete(web: Web, source: ArchDailySource, **changes: Any) -> Any:
    web.pages[f"{LISTING}1"] = listing(entry(9, **changes))
    web.pages[f"{LISTING}2"] = listing()
    return source.complete(next(source.posts(Known.nothing())))


def test_page_and_gallery_complete_a_post(web: Web, source: ArchDailySource) -> None:
    shots = [
        {"type": "MediaPicture", "caption": "Exterior Photography, Facade", "url_large": f"{web.url}/large/a-photo.jpg?1"},
        {"type": "MediaPicture", "caption": "Interior Photography", "url_slideshow": "/slideshow/b-photo.jpg?1"},
        {"type": "MediaPlan", "caption": "Plan", "url_large": "/large/c.jpg"},
        {"type": "MediaPicture", "caption": "", "url_large": "/large/d-photo.jpg"},
    ]
    web.pages["/9/house-9-office"] = project("/9/house-9-office/1-photo", project_year="2024", project_photographer="A. Lens")
    web.pages["/9/house-9-office/1-photo"] = gallery(shots)
    post = complete(web, source)
    assert [image.kind for image in post.images] == ["exterior", "interior", "drawing"]
    assert [image.location for image in post.images][1:] == [f"{web.url}/slideshow/b-photo.jpg?1", f"{web.url}/large/c.jpg"]
    assert post.metadata == {"place": "Porto, Portugal", "year": "2024", "photographer": "A. Lens"}


@pytest.mark.parametrize("suffix", ["plan-01", "section", "elevation-3", "axonometric", "diagram", "model", "sketch"])
def test_the_address_tells_drawings_too(web: Web, source: ArchDailySource, suffix: str) -> None:
    web.pages["/9/house-9-office"] = project("/g")
    web.pages["/g"] = gallery([{"type": "MediaPicture", "url_large": f"/large/house-{suffix}.jpg?1500"}])
    assert [image.kind for image in complete(web, source).images] == ["drawing"]


@pytest.mark.parametrize("location", ["", "0", None])
def test_the_page_says_where_where_the_listing_does_not(web: Web, source: ArchDailySource, location: str | None) -> None:
    web.pages["/9/house-9-office"] = project(project_location="Lyon,Rhône,France")
    assert complete(web, source, location=location).metadata["place"] == "Lyon, France"


@pytest.mark.parametrize("items", [[], {}, "x", [3, None, {"type": "MediaPicture"}, {"url_large": 5}]])
def test_a_gallery_without_pictures_is_a_post_without_pictures(web: Web, source: ArchDailySource, items: Any) -> None:
    web.pages["/9/house-9-office"] = project("/g")
    web.pages["/g"] = gallery(items)
    assert complete(web, source).images == ()


def test_a_page_without_gallery_and_one_that_is_gone(web: Web, source: ArchDailySource) -> None:
    web.pages["/9/house-9-office"] = page("")
    assert complete(web, source).images == ()
    del web.pages["/9/house-9-office"]
    with pytest.raises(Gone):
        complete(web, source)
