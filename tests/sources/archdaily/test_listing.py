"""The listing as JSON and as the front page, whole, with each field missing in turn, and hostile."""

import datetime
import json
from dataclasses import replace
from typing import Any

import pytest

from perennial.sources.archdaily.listing import Reshaped, parse_front_page, parse_listing
from perennial.sources.archdaily.text import UNDATED
from perennial.sources.posts import Post
from tests.sources.archdaily.pages import BASE, LEFT_OUT, entry, front_page, listing

WHOLE = Post(
    "1040705",
    f"{BASE}/1040705/casa-do-miradouro-atelier-sul",
    datetime.date(2026, 2, 20),
    "Casa do Miradouro / Atelier Sul",
    {
        "place": "Porto, Portugal",
        "year": "2024",
        "office": "Atelier Sul, Karo",
        "photographer": "Ana Lente",
        "categories": "Houses",
        "tags": "Porto, Concrete",
    },
)


def without(name: str) -> Post:
    return replace(WHOLE, metadata={key: value for key, value in WHOLE.metadata.items() if key != name})


def test_an_entry_is_read() -> None:
    found = parse_listing(listing(entry()), BASE)
    assert (found.posts, found.unreadable) == ((WHOLE,), 0)


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ("document_id", WHOLE),  # the address has it too
        ("title", replace(WHOLE, title="")),
        ("location", without("place")),
        ("year", without("year")),
        ("publication_date", replace(WHOLE, published=UNDATED)),  # the page says when
        ("document_type", WHOLE),
        ("project_type", WHOLE),
        ("categories", without("categories")),
        ("tags", without("tags")),
        ("offices", without("office")),
        ("photographers", without("photographer")),
        ("featured_images", WHOLE),
        ("miniatures", WHOLE),
    ],
)
@pytest.mark.parametrize("as_null", [False, True])
def test_each_field_may_be_missing(missing: str, expected: Post, as_null: bool) -> None:
    assert parse_listing(listing(entry(**{missing: None if as_null else LEFT_OUT})), BASE).posts == (expected,)


def test_no_field_is_left_out_of_the_table() -> None:
    table = next(mark for mark in test_each_field_may_be_missing.pytestmark if mark.args[0] == ("missing", "expected"))  # type: ignore[attr-defined]
    assert {row[0] for row in table.args[1]} == set(entry()) - {"url"}


@pytest.mark.parametrize("url", [LEFT_OUT, None, 5, "", "https://other.example/1/a", "/search/projects"])
def test_an_entry_without_an_address_is_passed_over_and_counted(url: Any) -> None:
    found = parse_listing(listing(entry(url=url), entry(), None, "x", []), BASE)
    assert (found.posts, found.unreadable) == ((WHOLE,), 4)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<!DOCTYPE html><html></html>", "isn't JSON"),
        (b"", "isn't JSON"),
        (b"\xff\xfe\x00", "isn't JSON"),
        (b"[" * 100_000, "isn't JSON"),
        (b'{"results": [' + b"9" * 5000 + b"]}", "isn't JSON"),
        (b"[]", "no 'results'"),
        (b"{}", "no 'results'"),
        (b'{"results": {}}', "no 'results'"),
        (b'{"results": 3}', "no 'results'"),
        (listing(entry(url=None), {}), "has a 'url'"),
    ],
)
def test_another_shape_is_said(body: bytes, reason: str) -> None:
    with pytest.raises(Reshaped, match=reason):
        parse_listing(body, BASE)


def test_a_page_past_the_end_is_empty() -> None:
    assert parse_listing(listing(), BASE).posts == ()


@pytest.mark.parametrize("number", ["x", "", "１２", "-5", "5.0", True, [], "9" * 40, "../../etc"])
def test_an_odd_id_gives_way_to_the_address(number: Any) -> None:
    assert parse_listing(listing(entry(document_id=number)), BASE).posts == (WHOLE,)


def test_hostile_text_becomes_plain() -> None:
    hostile = "<script>x</script><b>Casa</b>\x00\x1b\u202e " + "A" * 1_000_000
    post = parse_listing(listing(entry(title=hostile, location=hostile, tags=[hostile] * 3, offices=hostile)), BASE).posts[0]
    assert post.title.startswith("Casa A")
    assert all(len(value) <= 300 and value.isprintable() for value in (post.title, *post.metadata.values()))


def test_slugs_may_be_in_any_script() -> None:
    url = f"{BASE}/12/casa-são-joão-建築-дом"
    assert parse_listing(listing(entry(url=url, document_id="12")), BASE).posts[0].url == url


def test_the_front_page_lists_posts_once_in_order_with_their_titles() -> None:
    addresses = (f"{BASE}/9/house-nine", "/8/article-eight", f"{BASE}/7/haus-söben")
    found = parse_front_page(front_page(*addresses, addresses[0], "https://other.example/5/ad", "/us/6/six"), BASE)
    assert [(post.id, post.url, post.published) for post in found.posts] == [
        ("9", f"{BASE}/9/house-nine", UNDATED),
        ("8", f"{BASE}/8/article-eight", UNDATED),
        ("7", f"{BASE}/7/haus-söben", UNDATED),
    ]
    assert found.posts[0].title == "Title of nine"


@pytest.mark.parametrize("body", [b"", b"<html></html>", b"\x00\xff<<<", json.dumps({"results": []}).encode()])
def test_a_front_page_that_links_to_no_post_is_empty(body: bytes) -> None:
    assert parse_front_page(body, BASE).posts == ()
