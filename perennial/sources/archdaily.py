"""ArchDaily's listing, project pages and galleries, and those of sites with the same shape."""

import datetime
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin

from selectolax.lexbor import LexborHTMLParser

from perennial.catalog.objects import Objects
from perennial.errors import SourceError
from perennial.sources.images import MAX_BYTES
from perennial.sources.posts import ImageRef, Known, Post, source_key
from perennial.sources.web import Fetcher, Manners, place_of

MAX_LISTING_PAGES = 2000
_DRAWN = re.compile(r"-(plan|section|elevation|axonometric|diagram|model|sketch|detail)(-\d+)?(\.jpg)?$")
_METAS = {
    "project-location": "location",
    "project-year": "year",
    "project-office": "office",
    "project-category-tier-1": "category",
    "project-photographer": "photographer",
}


class ArchDailySource:
    """Projects, newest first; a run stops ``overlap_days`` before the newest one that a complete run took."""

    parser = 1

    def __init__(
        self,
        base_url: str,
        *,
        images_per_post: int = 3,
        overlap_days: int = 3,
        name: str = "archdaily",
        delay_s: float = 2.0,
        workers: int = 1,
        objects: Objects | None = None,
        contact: str = "",
    ) -> None:
        self._base = base_url.rstrip("/")
        self.name = name
        self.key = source_key(name, self._base, images_per_post)
        self.workers = workers
        self._images_per_post = images_per_post
        self._overlap = datetime.timedelta(days=overlap_days)
        manners = Manners(contact, delay_s, None)
        self._fetch = Fetcher(objects, manners, allowed=[place_of(self._base)], connections=workers + 1)

    def posts(self, known: Known) -> Iterator[Post]:
        """Yield listed projects that aren't known, newest first, without their images.

        Raises:
            SourceError: the listing can't be read, or its shape isn't the known one.
        """
        oldest = known.watermark - self._overlap if known.watermark else datetime.date.min
        seen = set[str]()
        for page in range(1, MAX_LISTING_PAGES + 1):
            entries = self._listing(page)
            posts = [post for post in map(self._listed, entries) if post]
            unseen = [post for post in posts if post.id not in seen]
            seen.update(post.id for post in unseen)
            yield from known.fresh(post for post in unseen if post.published >= oldest)
            if not unseen or unseen[-1].published < oldest:
                return

    def complete(self, post: Post) -> Post:
        """Return the post with what its page and its gallery say.

        Raises:
            Gone: the page isn't there any more.
            SourceError: the site is away.
        """
        page = LexborHTMLParser(self._fetch.get(post.url, expect="html").decode("utf-8", "replace"))
        said = _metas(page)
        place = post.metadata["place"]
        if "," not in place and said.get("location"):
            parts = [part.strip() for part in said["location"].split(",") if part.strip()]
            place = ", ".join(dict.fromkeys((parts[0], parts[-1]))) if parts else place
        facts = {name: value for name, value in said.items() if name != "location"}
        link = page.css_first("#gallery-thumbs a.gallery-thumbs-link")
        address = link.attributes.get("href") if link else None
        images = self._gallery(urljoin(post.url, address)) if address else ()
        return replace(post, metadata={**post.metadata, **facts, "place": place}, images=images[: self._images_per_post])

    def read(self, image: ImageRef) -> bytes:
        """Return the picture as the site gives it.

        Raises:
            Gone: it isn't there any more, or has too many bytes.
            SourceError: the site is away.
        """
        return self._fetch.get(image.location, max_bytes=MAX_BYTES, expect="image")

    def address(self, image: ImageRef) -> str:
        """Return the picture's URL."""
        return image.location

    def close(self) -> None:
        """Close the connections."""
        self._fetch.close()

    def _listing(self, page: int) -> list[Any]:
        url = f"{self._base}/search/api/v1/us/projects?page={page}"
        try:
            results = json.loads(self._fetch.get(url))["results"]
        except (ValueError, KeyError, TypeError):
            results = None
        if not isinstance(results, list):
            raise SourceError(f"{url} isn't the listing that was expected: no 'results' in it. The site may have changed shape.")
        return results

    def _listed(self, entry: Any) -> Post | None:
        """Read one entry of the listing; None where it names no project, address or date."""
        try:
            published = datetime.date.fromisoformat(str(entry["publication_date"])[:10])
            number, url = str(entry["document_id"]), urljoin(f"{self._base}/", str(entry["url"]))
        except (KeyError, TypeError, ValueError):
            return None
        if not number.isdecimal():
            return None
        place = str(entry.get("location") or "").strip()
        title = str(entry.get("title") or "")
        return Post(number, url, published, title, {"place": "" if place == "0" else place})

    def _gallery(self, url: str) -> tuple[ImageRef, ...]:
        """Read the pictures from the first gallery page, which holds all."""
        node = LexborHTMLParser(self._fetch.get(url, expect="html").decode("utf-8", "replace")).css_first("#gallery-items")
        try:
            items = json.loads((node.attributes.get("data-images") or "") if node else "")
        except ValueError:
            return ()
        found = [_image(item, url) for item in items if isinstance(item, dict)] if isinstance(items, list) else []
        return tuple(dict.fromkeys(image for image in found if image))


def _metas(page: LexborHTMLParser) -> dict[str, str]:
    said = {}
    for node in page.css("meta[content]"):
        key = node.attributes.get("name") or node.attributes.get("property") or ""
        name = _METAS.get(key.removeprefix("cXenseParse:"))
        if key.startswith("cXenseParse:") and name and node.attributes.get("content"):
            said[name] = str(node.attributes["content"])
    return said


def _image(item: dict[str, Any], page: str) -> ImageRef | None:
    location = item.get("url_large") or item.get("url_slideshow")
    if not isinstance(location, str):
        return None
    caption = str(item.get("caption") or "")
    return ImageRef(urljoin(page, location), _kind(item, location, caption), caption)


def _kind(item: dict[str, Any], location: str, caption: str) -> str:
    """Tell a drawing by the site's own type or the address, inside from outside by the caption."""
    if item.get("type") == "MediaPlan" or _DRAWN.search(location.partition("?")[0]):
        return "drawing"
    words = caption.lower()
    if "interior photography" in words:
        return "interior"
    return "exterior" if "exterior photography" in words else "photo"
