"""A project page: what its meta tags say, and where they are silent its specifications."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin

from selectolax.lexbor import LexborHTMLParser

from perennial.sources.archdaily.text import date, place, plain, year

PROJECT = "Selected Projects"
_METAS = {
    "project-location": "place",
    "project-year": "year",
    "project-office": "office",
    "project-category-tier-1": "category",
    "project-photographer": "photographer",
}
_KEYS = {
    "architects": "office",
    "year": "year",
    "photographs": "photographer",
    "photography": "photographer",
    "area": "area",
    "style": "style",
}


@dataclass(frozen=True)
class Project:
    """What a page says: ``type`` tells projects from articles, ``gallery`` is the address of the gallery's first page."""

    type: str = ""
    id: str = ""
    published: datetime.date | None = None
    title: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    gallery: str = ""


def parse_project(data: bytes, url: str) -> Project:
    """Read the page at ``url``; what it doesn't say is empty."""
    page = LexborHTMLParser(data.decode("utf-8", "replace"))
    metas = _metas(page)
    said = {**_specified(page), **{name: metas[f"cXenseParse:{key}"] for key, name in _METAS.items() if _meant(metas, key)}}
    said = {name: _READ.get(name, plain)(value) for name, value in said.items()}
    link = page.css_first("#gallery-thumbs a.gallery-thumbs-link[href]")
    address = link.attributes.get("href") if link else None
    return Project(
        type=plain(metas.get("archdaily:type")),
        id=plain(metas.get("cXenseParse:articleid")),
        published=date(metas.get("cXenseParse:publishtime")),
        title=_text(page, "h1.afd-title-big") or plain(metas.get("og:title")),
        metadata={name: value for name, value in said.items() if value},
        gallery=_joined(url, address) if address else "",
    )


_READ = {"place": place, "year": year}


def _metas(page: LexborHTMLParser) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in page.css("meta[content]"):
        key = node.attributes.get("name") or node.attributes.get("property")
        content = node.attributes.get("content")
        if key and content:
            found.setdefault(key, content)
    return found


def _meant(metas: Mapping[str, str], key: str) -> bool:
    """Say whether a meta tag says anything: "0" stands for nothing there."""
    return plain(metas.get(f"cXenseParse:{key}")) not in ("", "0")


def _specified(page: LexborHTMLParser) -> dict[str, str]:
    """Read the specifications that people see."""
    found = {"place": _text(page, ".afd-specs__header-location"), "category": _text(page, ".afd-specs__header-category a")}
    for item in page.css("li.afd-specs__item"):
        key, value = item.css_first(".afd-specs__key"), item.css_first(".afd-specs__value")
        name = _KEYS.get(plain(key.text()).rstrip(":").strip().casefold()) if key else None
        if name and value:
            found.setdefault(name, plain(value.text()))
    return found


def _text(page: LexborHTMLParser, selector: str) -> str:
    node = page.css_first(selector)
    return plain(node.text()) if node else ""


def _joined(url: str, address: str) -> str:
    try:
        return urljoin(url, address.strip())
    except ValueError:
        return ""
