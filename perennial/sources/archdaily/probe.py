"""One page of each kind of a site in ArchDaily's shape, and what the parsers find there: three pages and a picture, as a rule."""

from collections.abc import Mapping

from perennial.errors import SourceError
from perennial.sources.archdaily.gallery import parse_gallery
from perennial.sources.archdaily.listing import Reshaped, parse_front_page, parse_listing
from perennial.sources.archdaily.project import PROJECT, Project, parse_project
from perennial.sources.archdaily.text import UNDATED
from perennial.sources.posts import Gone, ImageRef, Post, Source
from perennial.sources.probe import Finding, image_findings, seen
from perennial.sources.web import Fetcher

MOST_PAGES = 5  # on a front page, articles may come first
LISTED = ("place", "year", "office", "photographer", "categories", "tags")
TOLD = ("place", "year", "office", "category", "photographer")


def probe(source: Source, base: str, fetch: Fetcher) -> list[Finding]:
    """Return what a listing page of the site at ``base``, the first project on it, its gallery and its first picture say.

    Raises:
        SourceError: the site is away or refuses.
    """
    posts, found = _listed(base, fetch)
    for post in posts[:MOST_PAGES]:
        page = _page(fetch, post)
        if page.type == PROJECT or not page.type:
            return [*found, *_told(page), *_shown(source, fetch, page)]
    return [*found, Finding("project page", "type", essential=True)]


def _listed(base: str, fetch: Fetcher) -> tuple[tuple[Post, ...], list[Finding]]:
    url = f"{base}/search/api/v1/us/projects?page=1"
    try:
        listing = parse_listing(fetch.get(url), base)
    except (Gone, Reshaped) as error:
        missing = Finding("listing JSON", "results", str(error), 0, essential=True)
        posts = parse_front_page(fetch.get(f"{base}/", expect="html"), base).posts
        return posts, [missing, seen("front page", "posts", [post.url for post in posts], essential=True)]
    posts, entries = listing.posts, len(listing.posts) + listing.unreadable
    fields = {
        "title": [post.title for post in posts],
        "publication_date": ["" if post.published == UNDATED else str(post.published) for post in posts],
        **{name: [post.metadata.get(name, "") for post in posts] for name in LISTED},
    }
    essential = ("publication_date", "place")
    return posts, [
        Finding("listing JSON", "results", str(entries), entries, max(entries, 1), essential=True),
        Finding("listing JSON", "url", posts[0].url if posts else "", len(posts), max(entries, 1), essential=True),
        *(seen("listing JSON", name, values, essential=name in essential) for name, values in fields.items()),
    ]


def _page(fetch: Fetcher, post: Post) -> Project:
    try:
        return parse_project(fetch.get(post.url, expect="html"), post.url)
    except Gone:
        return Project(type="gone")


def _told(page: Project) -> list[Finding]:
    facts: Mapping[str, str] = {
        "type": page.type,
        "articleid": page.id,
        "publishtime": str(page.published or ""),
        "title": page.title,
        **{name: page.metadata.get(name, "") for name in TOLD},
        "gallery": page.gallery,
    }
    essential = ("type", "publishtime", "place", "gallery")
    return [seen("project page", name, [value], essential=name in essential) for name, value in facts.items()]


def _shown(source: Source, fetch: Fetcher, page: Project) -> list[Finding]:
    images: tuple[ImageRef, ...] = ()
    if page.gallery:
        try:
            images = parse_gallery(fetch.get(page.gallery, expect="html"), page.gallery)
        except SourceError as error:
            return [Finding("gallery", "pictures", str(error), 0, essential=True)]
    return [
        seen("gallery", "caption", [image.caption for image in images]),
        seen("gallery", "24-hex id", [image.id if len(image.id) == 24 else "" for image in images]),
        *image_findings(source, images),
    ]
