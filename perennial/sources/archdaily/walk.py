"""Which pages of a listing a run turns, and where it stops."""

import datetime
from collections.abc import Callable, Iterator, Sequence

from perennial.sources.archdaily.text import UNDATED
from perennial.sources.posts import Known, Post

MAX_PAGES = 5000
ENOUGH_KNOWN = 36
"""Known posts in a row after which a run stops: two pages of ArchDaily's listing."""

Page = Callable[[int], Sequence[Post]]
"""Number of a page, from 1, → its posts, newest first; none past the end."""


def new_posts(
    page: Page, known: Known, *, overlap: datetime.timedelta, today: datetime.date, others: bool = False
) -> Iterator[Post]:
    """Yield the listed posts that aren't known, newest first.

    A run stops where nothing is new on the first page, after enough known posts in a row, or where the listing is older than
    the watermark by the overlap. Only posts that a complete run had seen, those up to the watermark, count for that, since a run
    that was killed leaves a gap below its newest ones; ``others`` says that something else fills such gaps.
    Where the listing has no dates, what is new is found first and then yielded oldest first, so that there is no gap.
    """
    if _watermark(known) is None or others:
        yield from _turned(page, known, overlap, today, others)
        return
    first = list(page(1))
    pages = _ahead(first, page)
    found = _turned(pages, known, overlap, today, others)
    if any(post.published != UNDATED for post in first):
        yield from found
    else:
        yield from reversed(list(found))


def _turned(page: Page, known: Known, overlap: datetime.timedelta, today: datetime.date, others: bool) -> Iterator[Post]:
    watermark = _watermark(known)
    oldest = watermark - overlap if watermark and watermark - datetime.date.min > overlap else UNDATED
    covered = datetime.date.max if others else watermark
    before: set[str] = set()
    in_a_row = 0
    for number in range(1, MAX_PAGES + 1):
        listed = page(number)
        posts = [post for post in listed if post.id not in before]  # one moves on to the next page while this one is read
        if not posts:
            return
        fresh = {post.id for post in known.fresh(post for post in posts if post.published >= oldest or _undated(post))}
        yield from (post for post in posts if post.id in fresh)
        for post in posts:
            if post.id in fresh:
                in_a_row = 0
            elif covered is not None and post.published <= min(covered, today):
                in_a_row += 1
        nothing_new = number == 1 and covered is not None and in_a_row == sum(post.published <= today for post in posts) > 0
        if nothing_new or in_a_row >= ENOUGH_KNOWN or _older(posts, oldest):
            return
        before = {post.id for post in listed} | {post.id for post in posts}


def _older(posts: Sequence[Post], oldest: datetime.date) -> bool:
    """Say whether half of a page lies before a day; a single post that is dated oddly decides nothing."""
    dated = [post for post in posts if not _undated(post)]
    return bool(dated) and 2 * sum(post.published < oldest for post in dated) >= len(dated)


def _ahead(first: Sequence[Post], page: Page) -> Page:
    """Return the pages, the first of which was read already."""
    return lambda number: first if number == 1 else page(number)


def _undated(post: Post) -> bool:
    return post.published == UNDATED


def _watermark(known: Known) -> datetime.date | None:
    return known.watermark if known.watermark and known.watermark > UNDATED else None
