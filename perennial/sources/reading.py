"""Read posts and their images beside one another, and hand the posts on in their order."""

import contextlib
import datetime
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from perennial.catalog.catalog import Catalog
from perennial.catalog.quarantine import quarantine
from perennial.errors import SourceError
from perennial.sources.fetched import Fetched, Taken
from perennial.sources.once import Images
from perennial.sources.posts import Apart, Gone, Paused, Post, Skipped, Source
from perennial.sources.text import plain, plain_fields

READ_AHEAD = 64
"""Posts whose images are asked for at once; with those of a chunk, all that is in memory."""

FAILURES_IN_A_ROW = 3
"""Posts that can't be read one after the other, after which the whole source counts as away."""

TRIED_DAYS = 7
"""Days after which a post that still can't be read is given up."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """A post whose page was read, or why it wasn't, and its images on their way."""

    post: Post
    result: Taken | SourceError | None
    images: tuple[Future[Fetched] | None, ...] = ()

    def open(self) -> Future[Fetched] | None:
        return next((image for image in self.images if image is not None and not image.done()), None)

    def taken(self) -> Taken | SourceError:
        if self.result is not None:
            return self.result
        try:
            found = [image.result() if image is not None else None for image in self.images]
        except SourceError as error:
            return error
        return Taken(self.post, "taken", tuple(zip(self.post.images, found, strict=True)))


class Reader:
    """Reads posts of one source; ``listed`` counts them, ``failing`` says since when which can't be read."""

    def __init__(
        self, source: Source, catalog: Catalog, images: Images, pool: ThreadPoolExecutor, failing: Mapping[str, str]
    ) -> None:
        self.listed = 0
        self.failing: dict[str, str] = {}
        self.oldest_failed: datetime.date | None = None
        self.failure: SourceError | None = None
        self._source, self._catalog, self._images, self._pool, self._failed_before = source, catalog, images, pool, failing
        self._pages: deque[tuple[Post, Future[Post | Taken]]] = deque()
        self._opened: deque[_Opened] = deque()
        self._in_a_row = 0

    def read(self, posts: Iterable[Post]) -> Iterator[Taken | None]:
        """Yield the posts in their order; None stands for one that can't be read and is left to the next run.

        Raises:
            Paused: the source has no more for now.
            SourceError: the listing can't be read, or several posts in a row.
        """
        rest = iter(posts)
        end: Exception | None = None
        while True:
            if end is None:
                end = self._list(rest)
            self._open_pages()
            while self._opened and self._opened[0].open() is None:
                opened = self._opened.popleft()
                yield self._judged(opened.post, opened.taken())
            if end is not None and not self._pages and not self._opened:
                break
            full = len(self._pages) >= self._most_pages or len(self._opened) >= READ_AHEAD
            if end is not None or full:
                wait(self._heads(), return_when=FIRST_COMPLETED)
        if not isinstance(end, StopIteration):
            raise end

    @property
    def _most_pages(self) -> int:
        return 2 * self._source.workers

    def _heads(self) -> list[Future[Any]]:
        """Return what has to come next: the page of the first post without one, an image of the first post without all."""
        pages: list[Future[Any]] = [page for _, page in islice(self._pages, 1)]
        return pages + [image for opened in islice(self._opened, 1) if (image := opened.open()) is not None]

    def _list(self, rest: Iterator[Post]) -> Exception | None:
        """Start on the next posts; return how the listing ended, if it did."""
        while len(self._pages) < self._most_pages and len(self._opened) < READ_AHEAD:
            try:
                post = next(rest)
            except (StopIteration, SourceError) as end:
                return end
            self.listed += 1
            self._pages.append((post, self._pool.submit(self._complete, post)))
        return None

    def _complete(self, post: Post) -> Post | Taken:
        try:
            return _plain(self._source.complete(post))
        except Skipped:
            return Taken(post, "other")
        except Gone as error:
            quarantine(self._catalog.objects, self._source.name, plain(post.id), None, plain(str(error)))
            return Taken(post, "gone")

    def _open_pages(self) -> None:
        """Ask for the images of all posts whose pages are there, with one look-up for all of them."""
        ready: list[tuple[Post, Taken | SourceError | None]] = []
        while self._pages and self._pages[0][1].done():
            post, page = self._pages.popleft()
            try:
                found = page.result()
            except SourceError as error:
                ready.append((post, error))
            else:
                ready.append((post, found) if isinstance(found, Taken) else (found, None))
        if ready:
            images = iter(self._images.ask([post for post, result in ready if result is None]))
            self._opened += [_Opened(post, result, next(images) if result is None else ()) for post, result in ready]

    def _judged(self, post: Post, result: Taken | SourceError) -> Taken | None:
        if isinstance(result, Taken):
            self._in_a_row = 0
            return result
        self._in_a_row += not isinstance(result, Apart)
        if isinstance(result, Paused) or self._in_a_row >= FAILURES_IN_A_ROW:
            raise result
        today = datetime.datetime.now(datetime.UTC).date()
        since = self._failed_before.get(post.key, today.isoformat())
        if (today - datetime.date.fromisoformat(since)).days >= TRIED_DAYS:
            quarantine(
                self._catalog.objects, self._source.name, plain(post.id), None, f"Given up after {TRIED_DAYS} days: {result}"
            )
            return Taken(post, "skipped")
        self.failing[post.key] = since
        self.failure = self.failure or result
        if post.published > datetime.date.min:  # a post whose date is on its page alone
            self.oldest_failed = min(post.published, self.oldest_failed or post.published)
        return None


def _plain(post: Post) -> Post:
    """Return a post in text that is fit to keep, so that a megabyte of it neither waits in memory nor gets into the catalog."""
    images = tuple(
        replace(image, caption=plain(image.caption), licence=plain(image.licence), credit=plain(image.credit))
        for image in post.images
    )
    return replace(post, title=plain(post.title), metadata=plain_fields(post.metadata), images=images)


@contextlib.contextmanager
def workers(source: Source) -> Iterator[ThreadPoolExecutor]:
    """Yield the threads that read a source; at the end what isn't begun is left, and what is comes to its end."""
    pool = ThreadPoolExecutor(source.workers, thread_name_prefix="scrape")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
