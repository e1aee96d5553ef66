"""Walk through the pages of ArchDaily, or of a site with the same shape."""

import datetime
from collections.abc import Callable, Iterator
from dataclasses import replace

from perennial.errors import SourceError
from perennial.sources.archdaily.gallery import parse_gallery
from perennial.sources.archdaily.older import older_posts
from perennial.sources.archdaily.pages import Pages
from perennial.sources.archdaily.probe import probe
from perennial.sources.archdaily.project import PROJECT, Project, parse_project
from perennial.sources.archdaily.text import UNDATED, same_site
from perennial.sources.archdaily.walk import new_posts
from perennial.sources.archdaily.watch import Watch
from perennial.sources.images import MAX_BYTES
from perennial.sources.posts import Forbidden, Gone, ImageRef, Known, Post, Skipped, source_key
from perennial.sources.probe import Finding
from perennial.sources.web import Fetcher

PARSER = 2


def _today() -> datetime.date:
    return datetime.datetime.now(datetime.UTC).date()


class ArchDailySource:
    """Projects, newest first; ``said`` are sentences that a run should tell.

    Args:
        base_url: where the site is; posts and galleries elsewhere aren't followed.
        fetch: what asks for its pages; closed with the source.
        images_per_post: the first so many pictures of a gallery are taken, in its order, which begins with what shows most.
        overlap_days: so many days before the newest post of the last complete run are listed again.
        backfill: after what is new, take older posts from the sitemap, newest first.
    """

    parser = PARSER

    def __init__(
        self,
        base_url: str,
        fetch: Fetcher,
        *,
        images_per_post: int = 3,
        overlap_days: int = 3,
        backfill: bool = False,
        name: str = "archdaily",
        workers: int = 1,
        today: Callable[[], datetime.date] = _today,
    ) -> None:
        self.base = base_url.rstrip("/")
        self.name = name
        self.key = source_key(name, self.base, images_per_post)
        self.workers = workers
        self.said: list[str] = []
        self.fetch = fetch
        self._images_per_post = images_per_post
        self._overlap = datetime.timedelta(days=overlap_days)
        self._backfill = backfill
        self._today = today
        self._watch = Watch(name)

    def posts(self, known: Known) -> Iterator[Post]:
        """Yield listed projects that aren't known, newest first, then older ones of the sitemap; all without their images.

        Raises:
            SourceError: the listing can't be read, or its shape isn't the known one.
        """
        listing = Pages(self.base, self.fetch, self.name, self.said)
        if listing.changed(known):
            found = False
            for post in new_posts(listing.page, known, overlap=self._overlap, today=self._today(), others=self._backfill):
                found = True
                yield post
            if not found:
                listing.confirm()
        if self._backfill:
            yield from older_posts(self.base, self.fetch, known, self.name, self.said)

    def complete(self, post: Post) -> Post:
        """Return the post with what its page and its gallery say.

        Raises:
            Skipped: it is no project.
            Gone: the page isn't there any more, or doesn't say when it was published.
            SourceError: the site is away, may not be asked for the page, or its pages lack what they should say in many posts in
                a row.
        """
        page = parse_project(self._page(post.url), post.url)
        if page.type and page.type != PROJECT:
            raise Skipped(f"{post.url} is of the type '{page.type}', no project.")
        listed = bool(post.metadata)
        if not page.type and not listed:
            self._watch.saw({"the type of a page": False})
            raise Skipped(f"{post.url} doesn't say that it is a project.")
        published = page.published if post.published == UNDATED else post.published
        if published is None:
            self._watch.saw({"the day of publication": False})
            raise Gone(f"{post.url} doesn't say when it was published, so it isn't taken in.")
        images = self._gallery(page)
        metadata = _metadata(post, page)
        essential = {"a place": bool(metadata.get("place")), "pictures": bool(images), "the type of a page": bool(page.type)}
        self._watch.saw({**essential, "the day of publication": True})
        shown = tuple(replace(image, credit=image.credit or metadata.get("photographer", "")) for image in images)
        title = post.title or page.title
        return replace(post, published=published, title=title, metadata=metadata, images=shown[: self._images_per_post])

    def read(self, image: ImageRef) -> bytes:
        """Return the picture as the site gives it.

        Raises:
            Gone: it isn't there any more, or has too many bytes.
            SourceError: the site is away.
        """
        return self.fetch.get(image.location, max_bytes=MAX_BYTES, expect="image")

    def address(self, image: ImageRef) -> str:
        """Return the picture's URL."""
        return image.location

    def probe(self) -> list[Finding]:
        """Ask for a page of each kind, and say what was found there.

        Raises:
            SourceError: the site is away or refuses.
        """
        return probe(self, self.base, self.fetch)

    def close(self) -> None:
        """Close the connections."""
        self.fetch.close()

    def _gallery(self, page: Project) -> tuple[ImageRef, ...]:
        """Return the pictures of a page's gallery; none where it isn't there."""
        if not page.gallery or not same_site(page.gallery, self.base):
            return ()
        try:
            return parse_gallery(self._page(page.gallery), page.gallery)
        except Gone:
            return ()

    def _page(self, url: str) -> bytes:
        """Return a page; one that may not be fetched is a failure, since it will be so with all."""
        try:
            return self.fetch.get(url, expect="html")
        except Forbidden as error:
            raise SourceError(str(error)) from None


def _metadata(post: Post, page: Project) -> dict[str, str]:
    """Put together what the listing and the page say: the page, but for a place that the listing gives with its city.

    A place of several parts ends with the country on this site, never with a state.
    """
    found = {**post.metadata, **page.metadata}
    if "," in post.metadata.get("place", ""):
        found["place"] = post.metadata["place"]
    if "," in found.get("place", ""):
        found["country"] = found["place"].rpartition(",")[2].strip()
    return found
