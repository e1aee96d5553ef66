"""Look at a source once, without taking anything in: is what is read there still there?"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from perennial.errors import ImageRejected, SourceError
from perennial.sources.images import normalise
from perennial.sources.posts import ImageRef, Known, Post, Source

SHOWN = 80


@dataclass(frozen=True)
class Finding:
    """One thing that is read at a source: where, what, the value found ("" where there is none), how often of how many.

    Without what is ``essential`` the source is of no use.
    """

    page: str
    field: str
    value: str = ""
    found: int = 0
    of: int = 1
    essential: bool = False

    @property
    def missing(self) -> bool:
        """Whether it was found nowhere."""
        return not self.found


@runtime_checkable
class Probed(Protocol):
    """A source that knows its own pages."""

    def probe(self) -> list[Finding]:
        """Ask for a page of each kind, and say what was found there."""
        ...


def probe(source: Source) -> list[Finding]:
    """Ask a source for one page of each kind and one image, and say field by field what was found.

    Raises:
        SourceError: the source is away, or its listing isn't what is known.
    """
    if isinstance(source, Probed):
        return source.probe()
    first = next(iter(source.posts(Known.nothing())), None)
    if first is None:
        return [Finding("listing", "posts", essential=True)]
    post = source.complete(first)
    return [
        seen("listing", "posts", [first.id], essential=True),
        *post_findings("post", post),
        *image_findings(source, post.images),
    ]


def seen(page: str, field: str, values: Iterable[str], *, essential: bool = False) -> Finding:
    """Return what a page's entries say of one field, with the first value as an example."""
    said = list(values)
    there = [value for value in said if value]
    example = there[0] if there else ""
    value = example if len(example) <= SHOWN else example[: SHOWN - 1] + "…"
    return Finding(page, field, value, len(there), max(len(said), 1), essential)


def post_findings(page: str, post: Post) -> list[Finding]:
    """Return what one post says: title, date, and all of its metadata."""
    facts = {"title": post.title, "published": str(post.published), **post.metadata}
    return [seen(page, name, [value]) for name, value in facts.items()]


def image_findings(source: Source, images: Sequence[ImageRef]) -> list[Finding]:
    """Return what the images of a post are said to show, and whether the first one is a picture."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in Counter(image.kind for image in images).items())
    found = [Finding("images", "images", kinds, len(images), max(len(images), 1), essential=True)]
    if images:
        found.append(_picture(source, images[0]))
    return found


def _picture(source: Source, image: ImageRef) -> Finding:
    try:
        data = source.read(image)
        plain = normalise(data)
    except (SourceError, ImageRejected) as error:
        return Finding("picture", "picture", str(error), 0, 1, essential=True)
    return Finding("picture", "picture", f"{len(data):,} bytes, kept as {plain.width} × {plain.height}", 1, 1, essential=True)
