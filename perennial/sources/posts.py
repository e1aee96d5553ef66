"""What every source yields, and what it must be able to do."""

import datetime
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from perennial.errors import SourceError


class Gone(SourceError):
    """What was asked for isn't there, or too large; asking again won't help."""


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


@dataclass(frozen=True)
class Known:
    """What earlier runs took from a source: post ids with their marks, and how far a complete run came."""

    posts: Mapping[str, str] = field(default_factory=dict)
    watermark: datetime.date | None = None

    def has(self, post: Post) -> bool:
        """Say whether the post was taken as it is now."""
        return self.posts.get(post.id) == post.mark

    @property
    def empty(self) -> bool:
        """Say whether nothing was ever taken."""
        return not self.posts

    def fresh(self, posts: Iterable[Post]) -> Iterator[Post]:
        """Yield the posts that weren't taken as they are now, in their order."""
        return (post for post in posts if not self.has(post))


class Source(Protocol):
    """A place that images come from.

    ``name`` begins the ids of its posts in the catalog, ``key`` names its state and never changes for the same place,
    ``workers`` is how many posts may be read at once.
    """

    name: str
    key: str
    workers: int

    def posts(self, known: Known) -> Iterator[Post]:
        """Yield the posts that aren't known, in an order of the source's choice.

        Raises:
            SourceError: the source can't be read.
        """
        ...

    def complete(self, post: Post) -> Post:
        """Return the post with its images and all metadata.

        Raises:
            Gone: the post isn't there any more.
            SourceError: the source can't be read.
        """
        ...

    def read(self, image: ImageRef) -> bytes:
        """Return an image's bytes as they are at the source.

        Raises:
            Gone: the image isn't there any more.
            ImageRejected: the image has too many bytes.
            SourceError: the source can't be read.
        """
        ...

    def address(self, image: ImageRef) -> str:
        """Return where the image lies, as the catalog should remember it."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
