"""A gallery, whole, with each part of a picture missing in turn, and hostile."""

import json
from dataclasses import replace
from typing import Any

import pytest

from perennial.sources.archdaily.gallery import kind_of, parse_gallery
from perennial.sources.posts import ImageRef
from tests.sources.archdaily.pages import BASE, LEFT_OUT, PICTURE, gallery, shot

URL = f"{BASE}/1040705/casa-do-miradouro-atelier-sul/65f1a2b3c4d5e60012345678-photo"
LARGE = PICTURE.format(1).replace("5678", "5679")
WHOLE = ImageRef(
    LARGE,
    "exterior",
    "Casa do Miradouro / Atelier Sul - Exterior Photography. © Ana Lente",
    id="65f1a2b3c4d5e60012345679",
    credit="Ana Lente",
)
MISSING = {
    "type": WHOLE,  # the address has none of a drawing's endings
    "caption": replace(WHOLE, kind="photo", caption="", credit=""),
    "link": WHOLE,
    "url_large": replace(WHOLE, location=LARGE.replace("large_jpg", "slideshow")),
    "url_slideshow": WHOLE,
    "url_medium": WHOLE,
}


def test_pictures_are_read_in_the_gallerys_order() -> None:
    found = parse_gallery(gallery([shot(3), shot(1), shot(2)]), URL)
    assert [picture.id[-1] for picture in found] == ["b", "9", "a"]
    assert parse_gallery(gallery([shot()]), URL) == (WHOLE,)


def test_no_part_is_left_out_of_the_table() -> None:
    assert set(MISSING) == set(shot())


@pytest.mark.parametrize(("missing", "expected"), MISSING.items())
@pytest.mark.parametrize("value", [LEFT_OUT, None, "", 5, [], {}])
def test_each_part_may_be_missing_or_odd(missing: str, expected: ImageRef, value: Any) -> None:
    if missing == "caption" and value == 5:
        expected = replace(expected, caption="5")
    assert parse_gallery(gallery([shot(**{missing: value})]), URL) == (expected,)


@pytest.mark.parametrize("items", [[], {}, "x", 5, None, [3, None, "x", [], {"type": "MediaPicture"}, {"url_large": 5}]])
def test_a_gallery_may_hold_no_picture(items: Any) -> None:
    assert parse_gallery(gallery(items), URL) == ()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html></html>",
        b'<div id="gallery-items"></div>',
        b'<div id="gallery-items" data-images=""></div>',
        b'<div id="gallery-items" data-images="[{"></div>',
        b'<div id="gallery-items" data-images="' + b"[" * 100_000 + b'"></div>',
        b"\x00\xff\xfe",
    ],
)
def test_another_page_holds_none(body: bytes) -> None:
    assert parse_gallery(body, URL) == ()


def test_a_picture_listed_twice_is_one() -> None:
    later = shot(1, url_large=LARGE + "9", caption="again")
    assert parse_gallery(gallery([shot(1), later]), URL) == (WHOLE,)


def test_a_picture_whose_address_has_no_id_is_named_by_it() -> None:
    found = parse_gallery(gallery([shot(url_large="/large/a.jpg?1")]), URL)
    assert (found[0].id, found[0].location) == (f"{BASE}/large/a.jpg?1", f"{BASE}/large/a.jpg?1")


@pytest.mark.parametrize(
    ("caption", "kept"),
    [
        ("<script>alert(1)</script>Exterior <b>view</b>", "Exterior view"),
        ("Exterior\x00\x1b[31m\r\nview", "Exterior[31m view"),
        ("Exterior " + "x" * 1_000_000, "Exterior " + "x" * 990 + "…"),
        ("\ud800Exterior", "Exterior"),
    ],
)
def test_hostile_captions_become_plain(caption: str, kept: str) -> None:
    (found,) = parse_gallery(gallery([shot(caption=caption)]), URL)
    assert (found.caption, found.kind) == (kept, "exterior")
    json.dumps(found.caption).encode()


@pytest.mark.parametrize("address", ["http://[", "x" * 3000])
def test_what_is_no_address_is_no_picture(address: str) -> None:
    assert parse_gallery(gallery([shot(url_large=address)]), URL) == ()


def test_a_gallery_of_thousands_is_bounded() -> None:
    assert len(parse_gallery(gallery([shot(1, url_large=f"/{number}.jpg") for number in range(2000)]), URL)) == 500


@pytest.mark.parametrize(
    ("declared", "address", "caption", "kind"),
    [
        ("MediaPlan", "/large_jpg/a-photo.jpg?1", "Exterior Photography", "drawing"),
        ("MediaPicture", "/large_jpg/house-plan-01.jpg?1500", "", "drawing"),
        ("MediaPicture", "/large_jpg/house-section.jpg", "", "drawing"),
        ("MediaPicture", "/large_jpg/house-elevation-3.jpg", "", "drawing"),
        ("MediaPicture", "/1/house/65f1-house-axonometric", "", "drawing"),
        ("MediaPicture", "/1/house/65f1-house-diagrams-2", "", "drawing"),
        ("MediaPicture", "/large_jpg/house-model.jpg", "", "drawing"),
        ("MediaPicture", "/large_jpg/house-sketch.JPG", "Interior", "drawing"),
        ("MediaPicture", "/large_jpg/plan-house-photo.jpg", "", "photo"),
        ("MediaPicture", "/large_jpg/house-interior-photography-kitchen.jpg", "", "interior"),
        ("MediaPicture", "/large_jpg/house-exterior-photography.jpg", "", "exterior"),
        ("MediaPicture", "/large_jpg/house-photo.jpg", "Interior Photography, Kitchen", "interior"),
        ("MediaPicture", "/large_jpg/house-photo.jpg", "Exterior Photography, Façade", "exterior"),
        ("MediaPicture", "/large_jpg/house-photo.jpg", "From the interior to the exterior", "photo"),
        ("MediaPicture", "/large_jpg/house-photo.jpg", "", "photo"),
        ("", "", "", "photo"),
    ],
)
def test_kinds_come_from_type_address_and_caption(declared: str, address: str, caption: str, kind: str) -> None:
    assert kind_of(declared, (address,), caption) == kind
