"""A project page, whole and with each element missing in turn."""

import datetime
from dataclasses import replace
from typing import Any

import pytest

from perennial.sources.archdaily.project import PROJECT, Project, parse_project
from tests.sources.archdaily.pages import BASE, PROJECT_PARTS, project

URL = f"{BASE}/1040705/casa-do-miradouro-atelier-sul"
WHOLE = Project(
    PROJECT,
    "1040705",
    datetime.date(2026, 2, 20),
    "Casa do Miradouro / Atelier Sul",
    {
        "place": "Porto, Portugal",
        "year": "2024",
        "office": "Atelier Sul",
        "category": "Residential Architecture",
        "photographer": "Ana Lente",
        "area": "240 m²",
    },
    f"{URL}/65f1a2b3c4d5e60012345678-casa-do-miradouro-photo",
)


def saying(**changes: str) -> Project:
    return replace(WHOLE, metadata={**WHOLE.metadata, **changes})


MISSING: dict[str, Project] = {
    "type": replace(WHOLE, type=""),
    "articleid": replace(WHOLE, id=""),
    "publishtime": replace(WHOLE, published=None),
    "location": WHOLE,  # the page says it to people too
    "year": saying(year="2023"),  # what people read, which differs in this page
    "office": WHOLE,
    "category": saying(category="Houses"),
    "photographer": saying(photographer="Rui Foco"),
    "h1": replace(WHOLE, title=""),
    "header-location": WHOLE,
    "header-category": WHOLE,
    "specs": replace(WHOLE, metadata={key: value for key, value in WHOLE.metadata.items() if key != "area"}),
    "thumbs": replace(WHOLE, gallery=""),
}
TWICE = {
    "place": ("location", "header-location"),
    "category": ("category", "header-category"),
    "year": ("year", "specs"),
    "office": ("office", "specs"),
    "photographer": ("photographer", "specs"),
}


def test_a_page_is_read() -> None:
    assert parse_project(project(), URL) == WHOLE


def test_no_element_is_left_out_of_the_table() -> None:
    assert set(MISSING) == set(PROJECT_PARTS)


@pytest.mark.parametrize(("missing", "expected"), MISSING.items())
def test_each_element_may_be_missing(missing: str, expected: Project) -> None:
    assert parse_project(project(missing), URL) == expected


@pytest.mark.parametrize("missing", [name for name, part in PROJECT_PARTS.items() if part.startswith("<meta")])
@pytest.mark.parametrize("content", ["", "0"])
def test_each_meta_tag_may_say_nothing(missing: str, content: str) -> None:
    emptied = PROJECT_PARTS[missing].partition("content=")[0] + f'content="{content}"/>'
    found, expected = parse_project(project(**{missing: emptied}), URL), MISSING[missing]
    assert replace(found, id="", type="") == replace(expected, id="", type="")


@pytest.mark.parametrize(("name", "parts"), TWICE.items())
def test_what_no_part_says_is_absent(name: str, parts: tuple[str, ...]) -> None:
    assert name not in parse_project(project(*parts), URL).metadata


@pytest.mark.parametrize("body", [b"", b"\x00\xff", b"<html>", b"{}", b"<meta><meta content=''><meta name=x>", b"<a" * 50_000])
def test_another_page_says_nothing(body: bytes) -> None:
    assert parse_project(body, URL) == Project()


@pytest.mark.parametrize(
    ("part", "content"),
    [
        ("location", '<meta name="cXenseParse:project-location" content="&lt;script&gt;x&lt;/script&gt;Porto&#0;,,Portugal"/>'),
        ("location", '<meta name="cXenseParse:project-location" content="Porto,Norte,Portugal"/>' * 1000),
    ],
)
def test_hostile_tags_become_plain(part: str, content: str) -> None:
    place = parse_project(project(**{part: content}), URL).metadata["place"]
    assert place.endswith("Portugal")
    assert "<" not in place
    assert place.isprintable()


def test_an_article_is_told_from_a_project() -> None:
    changes: dict[str, Any] = {"type": '<meta property="archdaily:type" content="Articles"/>'}
    assert parse_project(project("location", "office", **changes), URL).type == "Articles"


@pytest.mark.parametrize("address", ["http://[", "  /a/b/c  "])
def test_odd_gallery_addresses(address: str) -> None:
    changed = f'<div id="gallery-thumbs"><a class="gallery-thumbs-link" href="{address}"></a></div>'
    assert parse_project(project(thumbs=changed), URL).gallery == ("" if "[" in address else f"{BASE}/a/b/c")
