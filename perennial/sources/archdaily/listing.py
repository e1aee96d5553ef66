"""The listing, as JSON or as the front page: which posts there are."""

import json
from dataclasses import dataclass
from typing import Any

from selectolax.lexbor import LexborHTMLParser

from perennial.sources.archdaily.text import UNDATED, date, names, place, plain, post_address, year
from perennial.sources.posts import Post

MAX_ENTRIES = 500


class Reshaped(ValueError):
    """A page isn't in the shape that the parser knows; the text says what is missing."""


@dataclass(frozen=True)
class Listing:
    """One page of a listing: its posts, undated where it doesn't say when, and how many entries named no post."""

    posts: tuple[Post, ...]
    unreadable: int = 0


def parse_listing(data: bytes, base: str) -> Listing:
    """Read a page of the listing JSON of the site at ``base``; one past the end has no entries.

    Raises:
        Reshaped: it isn't JSON, has no list ``results``, or none of its entries names a post.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise Reshaped("it isn't JSON") from None
    results = document.get("results") if isinstance(document, dict) else None
    if not isinstance(results, list):
        raise Reshaped("there are no 'results' in it")
    posts = [post for post in (_listed(entry, base) for entry in results[:MAX_ENTRIES]) if post]
    if results and not posts:
        raise Reshaped("none of its 'results' has a 'url' of the form /number/name")
    return Listing(tuple(posts), len(results[:MAX_ENTRIES]) - len(posts))


def parse_front_page(data: bytes, base: str) -> Listing:
    """Read which posts a front page links to, articles among them, since their addresses look alike; all are undated."""
    found: dict[str, Post] = {}
    for node in LexborHTMLParser(data.decode("utf-8", "replace")).css("a[href]"):
        address = post_address(node.attributes.get("href"), base)
        if address and len(found) < MAX_ENTRIES:
            number, url = address
            title = plain(node.text())
            if number not in found or (title and not found[number].title):
                found[number] = Post(number, found[number].url if number in found else url, UNDATED, title)
    return Listing(tuple(found.values()))


def _listed(entry: Any, base: str) -> Post | None:
    """Read one entry, by the number in its address, which front page and sitemap have too; None where it names none."""
    address = post_address(entry.get("url"), base) if isinstance(entry, dict) else None
    if address is None:
        return None
    number, url = address
    said = {
        "place": place(entry.get("location")),
        "year": year(entry.get("year")),
        "office": names(entry.get("offices")),
        "photographer": names(entry.get("photographers")),
        "categories": names(entry.get("categories")),
        "tags": names(entry.get("tags")),
    }
    published = date(entry.get("publication_date")) or UNDATED
    return Post(number, url, published, plain(entry.get("title")), {name: value for name, value in said.items() if value})
