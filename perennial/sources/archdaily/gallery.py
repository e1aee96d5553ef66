"""The first page of a gallery, which holds all of its pictures, and what each of them shows."""

import json
import re
from typing import Any
from urllib.parse import unquote, urljoin

from selectolax.lexbor import LexborHTMLParser

from perennial.sources.archdaily.text import MAX_CAPTION, MAX_TEXT, plain
from perennial.sources.posts import ImageRef

MAX_PICTURES = 500
_SIZES = ("url_large", "url_slideshow", "url_medium")
_ID = re.compile(r"/media/images/([0-9a-f]{4})/([0-9a-f]{4})/([0-9a-f]{4})/([0-9a-f]{4})/([0-9a-f]{4})/([0-9a-f]{4})/")
_DRAWN = re.compile(r"-(plan|section|elevation|axonometric|diagram|model|sketch|detail)s?(-\d+)?$")
_INSIDE = re.compile(r"\b(interior|indoor)\b")
_OUTSIDE = re.compile(r"\b(exterior|facade|façade|outdoor)\b")
_CREDIT = re.compile(r"(?:©|\(c\)|photos? by)\s*([^,;|]{2,100})", re.IGNORECASE)


def parse_gallery(data: bytes, url: str) -> tuple[ImageRef, ...]:
    """Return the pictures of the gallery page at ``url`` in its order; none where the page lists none."""
    node = LexborHTMLParser(data.decode("utf-8", "replace")).css_first("#gallery-items")
    try:
        items = json.loads((node.attributes.get("data-images") or "") if node else "")
    except (ValueError, RecursionError):
        return ()
    found: dict[str, ImageRef] = {}
    for item in items[:MAX_PICTURES] if isinstance(items, list) else ():
        picture = _picture(item, url) if isinstance(item, dict) else None
        if picture:
            found.setdefault(picture.id, picture)
    return tuple(found.values())


def kind_of(declared: str, addresses: tuple[str, ...], caption: str) -> str:
    """Return what a picture shows: exterior, interior or drawing, or photo where neither gallery, address nor caption says.

    ``declared`` is the gallery's type; ``addresses`` are those of the picture and of its page, whose last words tell.
    """
    slugs = [_slug(address) for address in addresses]
    if declared == "MediaPlan" or any(_DRAWN.search(slug) for slug in slugs):
        return "drawing"
    words = f"{' '.join(slugs)} {caption}".casefold().replace("-", " ")
    inside, outside = bool(_INSIDE.search(words)), bool(_OUTSIDE.search(words))
    if inside == outside:
        return "photo"
    return "interior" if inside else "exterior"


def _picture(item: dict[str, Any], page: str) -> ImageRef | None:
    offered = next((item[size] for size in _SIZES if isinstance(item.get(size), str) and item[size].strip()), None)
    if offered is None or len(offered) > 2000:
        return None
    try:
        location = urljoin(page, offered.strip())
    except ValueError:
        return None
    link = item.get("link") if isinstance(item.get("link"), str) else ""
    caption = plain(item.get("caption"), MAX_CAPTION)
    number, credit = _ID.search(location), _CREDIT.search(caption)
    return ImageRef(
        location,
        kind_of(plain(item.get("type")), (location, str(link)), caption),
        caption,
        id="".join(number.groups()) if number else location,
        credit=plain(credit[1], MAX_TEXT) if credit else "",
    )


def _slug(address: str) -> str:
    """Return an address's last part without its file's ending."""
    last = unquote(address[:2000].partition("?")[0].rstrip("/").rpartition("/")[2])
    return re.sub(r"\.(jpe?g|png|webp)$", "", last.casefold())
