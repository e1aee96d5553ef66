"""What every source yields, and what it must be able to do."""

import datetime
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from perennial.catalog.digests import digest_of
from perennial.errors import SourceError
from perennial.sources.text import plain_id

POSTS_A_LOOKUP = 512


class Gone(SourceError):
    """What was asked for isn't there, or too large; asking again won't help."""


class NotFound(Gone):
    """What was asked for isn't there, says the site."""


class Forbidden(Gone):
    """What its host's robots.txt forbids to fetch."""


class Skipped(Gone):
    """What is there, but nothing that this source takes, such as an article among buildings; it isn't looked at again."""


class Apart(SourceError):
    """What failed says nothing of the source's other posts, such as a picture on one of many hosts."""


class Paused(SourceError):
    """A source has given what it gives for now, as by a day's cap: no failure, and a later run goes on from here."""


@dataclass(frozen=True)
class ImageRef:
    """Where one image of a post lies: a URL or a path.

    ``kind`` is exterior, interior or drawing, or photo where the source doesn't say; ``id`` is the source's own name for it,
    by default the location: what has the same one is fetched once.
    """

    location: str
    kind: str = "photo"
    caption: str = ""
    id: str = ""
    licence: str = ""
    credit: str = ""


@dataclass(frozen=True)
class RefusedRef(ImageRef):
    """An image that its source refuses unread; ``reason`` is a sentence, and :meth:`Source.read` raises it."""

    reason: str = ""


@dataclass(frozen=True)
class Post:
    """One post of a source: ``id`` is the source's own, ``mark`` changes when the post must be read again."""

    id: str
    url: str
    published: datetime.date
    title: str
    metadata: dict[str, str] = field(default_factory=dict)
    images: tuple[ImageRef, ...] = ()
    mark: str = ""

    @property
    def key(self) -> str:
        """The name of this version of the post in its source's state."""
        return f"{plain_id(self.id)}#{plain_id(self.mark)}"


class Known:
    """What earlier runs took from a source, looked up in its table and never held in memory.

    Args:
        taken: says of some hundreds of posts, for each in turn, whether it was taken as it is now.
        watermark: the newest day that a run took to the end of the listing, never later than the day of that run.
        empty: whether nothing was ever taken.
    """

    def __init__(
        self, taken: Callable[[Sequence[Post]], Sequence[bool]], watermark: datetime.date | None = None, *, empty: bool = False
    ) -> None:
        self.watermark = watermark
        self.empty = empty
        self._taken = taken

    @classmethod
    def nothing(cls) -> "Known":
        """Return what is known of a source that nobody read."""
        return cls.of({})

    @classmethod
    def of(cls, marks: Mapping[str, str], watermark: datetime.date | None = None) -> "Known":
        """Return a lookup of these post ids with their marks."""
        return cls(lambda posts: [marks.get(post.id) == post.mark for post in posts], watermark, empty=not marks)

    def fresh(self, posts: Iterable[Post]) -> Iterator[Post]:
        """Yield the posts that weren't taken as they are now, in their order; of a listing, ``list(known.fresh(page))``."""
        rest = iter(posts)
        while asked := list(islice(rest, POSTS_A_LOOKUP)):
            yield from (post for post, taken in zip(asked, self._taken(asked), strict=True) if not taken)


def source_key(type: str, *chosen: object) -> str:
    """Return the name of a source's state, such as ``archdaily-0123456789ab``: equal for equal choices, in whatever task.

    ``chosen`` is the address and what decides which posts and images there are, and nothing else: no permission, no pace.
    """
    return f"{type}-{digest_of([str(part) for part in chosen])[:12]}"


class Source(Protocol):
    """A place that images come from.

    ``name`` begins the ids of its posts in the catalog, ``key`` names its state (:func:`source_key`), ``parser`` is the version
    of what reads its pages, which grows when they are read otherwise, ``workers`` is how many requests may be under way at once.
    """

    name: str
    key: str
    parser: int
    workers: int

    def posts(self, known: Known) -> Iterator[Post]:
        """Yield the posts that aren't known, in an order of the source's choice, the same each time while nothing is new.

        Raises:
            Paused: the source has no more for now.
            SourceError: the source can't be read.
        """
        ...

    def complete(self, post: Post) -> Post:
        """Return the post with its images and all metadata.

        Raises:
            Gone: the post isn't there any more.
            Paused: the source has no more for now.
            SourceError: the source can't be read.
        """
        ...

    def read(self, image: ImageRef) -> bytes:
        """Return an image's bytes as they are at the source.

        Raises:
            Gone: the image isn't there any more.
            Apart: the image can't be had for now, which says nothing of others.
            ImageRejected: the image has too many bytes.
            Paused: the source has no more for now.
            SourceError: the source can't be read.
        """
        ...

    def address(self, image: ImageRef) -> str:
        """Return where the image lies, as the catalog should remember it."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
