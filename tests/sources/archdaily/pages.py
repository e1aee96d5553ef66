"""Pages in ArchDaily's shapes, written by hand, with each part to be left out or changed."""

import gzip
import html
import json
from typing import Any

BASE = "https://www.archdaily.com"
PICTURE = "https://images.adsttc.com/media/images/65f1/a2b3/c4d5/e600/1234/5678/large_jpg/casa-do-miradouro-{}.jpg?1710340000"
LEFT_OUT = object()


def entry(**changes: Any) -> dict[str, Any]:
    """Return an entry of the listing; a change to LEFT_OUT takes the field away."""
    whole: dict[str, Any] = {
        "document_id": "1040705",
        "title": "Casa do Miradouro / Atelier Sul",
        "url": f"{BASE}/1040705/casa-do-miradouro-atelier-sul",
        "location": "Porto, Portugal",
        "year": "2024",
        "publication_date": "2026-02-20T07:00:00Z",
        "document_type": "Project",
        "project_type": "Built",
        "categories": [{"name": "Houses", "url": "/search/projects/categories/houses"}],
        "tags": ["Porto", "Concrete"],
        "offices": [{"name": "Atelier Sul"}, {"name": "Karo"}],
        "photographers": [{"name": "Ana Lente"}],
        "featured_images": {"url_large": PICTURE.format("1"), "url_medium": PICTURE.format("1").replace("large", "medium")},
        "miniatures": [{"url_thumb": PICTURE.format("2").replace("large", "thumb")}],
    }
    return {name: value for name, value in (whole | changes).items() if value is not LEFT_OUT}


def listing(*entries: Any) -> bytes:
    """Return a page of the listing."""
    return json.dumps({"total_results": 15000, "results": entries}, ensure_ascii=False).encode("utf-8", "surrogatepass")


PROJECT_PARTS = {
    "type": '<meta property="archdaily:type" content="Selected Projects" />',
    "articleid": '<meta name="cXenseParse:articleid" content="1040705"/>',
    "publishtime": '<meta name="cXenseParse:publishtime" content="2026-02-20T07:00:00Z"/>',
    "location": '<meta name="cXenseParse:project-location" content="Porto,Norte,Portugal"/>',
    "year": '<meta name="cXenseParse:project-year" content="2024"/>',
    "office": '<meta name="cXenseParse:project-office" content="Atelier Sul"/>',
    "category": '<meta name="cXenseParse:project-category-tier-1" content="Residential Architecture"/>',
    "photographer": '<meta name="cXenseParse:project-photographer" content="Ana Lente"/>',
    "h1": '<h1 class="afd-title-big">Casa do Miradouro / Atelier Sul</h1>',
    "header-location": '<p class="afd-specs__header-location">Porto, Portugal</p>',
    "header-category": '<p class="afd-specs__header-category"><a href="/search/projects/categories/houses">Houses</a></p>',
    "specs": (
        '<ul><li class="afd-specs__item"><span class="afd-specs__key">Architects:</span>'
        '<span class="afd-specs__value"><a href="/office/atelier-sul">Atelier Sul</a></span></li>'
        '<li class="afd-specs__item"><span class="afd-specs__key">Area:</span><span class="afd-specs__value">240 m²</span></li>'
        '<li class="afd-specs__item"><span class="afd-specs__key">Year:</span><span class="afd-specs__value">2023</span></li>'
        '<li class="afd-specs__item"><span class="afd-specs__key">Photographs:</span>'
        '<span class="afd-specs__value">Rui Foco</span></li></ul>'
    ),
    "thumbs": (
        '<ul id="gallery-thumbs"><li><a class="gallery-thumbs-link" '
        'href="/1040705/casa-do-miradouro-atelier-sul/65f1a2b3c4d5e60012345678-casa-do-miradouro-photo">'
        '<img src="x.jpg"></a></li><li><a class="gallery-thumbs-link" href="/second"></a></li></ul>'
    ),
}


def project(*without: str, **changes: str) -> bytes:
    """Return a project page without some of its parts; a change replaces a part."""
    parts = {name: part for name, part in (PROJECT_PARTS | changes).items() if name not in without}
    head = "\n".join(part for part in parts.values() if part.startswith("<meta"))
    body = "\n".join(part for part in parts.values() if not part.startswith("<meta"))
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Casa</title>{head}'
        f'<script type="application/ld+json">{{}}</script></head><body>{body}</body></html>'
    ).encode()


def shot(index: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a picture of the gallery; each index has an id of its own."""
    url = PICTURE.format(index).replace("5678", f"{0x5678 + index:04x}")
    whole: dict[str, Any] = {
        "type": "MediaPicture",
        "caption": "Casa do Miradouro / Atelier Sul - Exterior Photography. © Ana Lente",
        "link": f"{BASE}/1040705/casa-do-miradouro-atelier-sul/65f1a2b3c4d5e6001234567{index}-casa-do-miradouro-photo",
        "url_large": url,
        "url_slideshow": url.replace("large_jpg", "slideshow"),
        "url_medium": url.replace("large_jpg", "medium_jpg"),
    }
    return {name: value for name, value in (whole | changes).items() if value is not LEFT_OUT}


def gallery(items: Any) -> bytes:
    """Return a gallery page."""
    data = html.escape(json.dumps(items))
    return f'<!DOCTYPE html><html><body><div id="gallery-items" data-images="{data}"></div></body></html>'.encode()


def front_page(*addresses: str) -> bytes:
    """Return a front page that links to addresses, each by its picture and by its title, beside what else links there."""
    links = "".join(
        f'<li><a href="{address}"><img src="/i.jpg"></a><h3><a href="{address}">Title of {address[-4:]}</a></h3></li>'
        for address in addresses
    )
    others = '<a href="/">Home</a><a href="/search/projects">Projects</a><a href="mailto:a@b.c">Us</a><a>none</a>'
    return f"<!DOCTYPE html><html><body><nav>{others}</nav><ul>{links}</ul><a href='/page/2'>Next</a></body></html>".encode()


def sitemap(*addresses: tuple[str, str], index: bool = False, zipped: bool = True) -> bytes:
    """Return a sitemap, or an index of sitemaps; each address comes with the date of its last change."""
    outer, inner = ("sitemapindex", "sitemap") if index else ("urlset", "url")
    entries = "".join(f"<{inner}><loc>{html.escape(loc)}</loc><lastmod>{date}</lastmod></{inner}>" for loc, date in addresses)
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?><{outer} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</{outer}>'
    )
    return gzip.compress(text.encode(), mtime=0) if zipped else text.encode()
