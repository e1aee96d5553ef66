"""The inbox as a task's source: what lies there when a run scrapes is taken in, whether or not a listener runs."""

from collections.abc import Callable, Iterator

from perennial.catalog.catalog import Catalog
from perennial.catalog.inbox import FOLDER
from perennial.catalog.inboxes import open_inbox
from perennial.catalog.objects import Objects
from perennial.errors import ImageRejected
from perennial.sources.images import MAX_BYTES
from perennial.sources.inbox.metadata import SIDECAR, about
from perennial.sources.inbox.rows import post_of
from perennial.sources.inbox.taking import Taker
from perennial.sources.inbox.took import Took
from perennial.sources.posts import Gone, ImageRef, Known, Post, source_key
from perennial.sources.probe import Finding
from perennial.task import InboxSource as InboxSpec


class InboxSource:
    """Objects below a folder of the inbox; a run takes them in by :meth:`take_in`, all else only looks at them."""

    name = FOLDER
    workers = 1
    parser = 1

    def __init__(self, spec: InboxSpec, objects: Objects) -> None:
        self._inbox = open_inbox(objects)
        self._prefix = spec.prefix
        self.key = source_key(FOLDER, spec.prefix)

    def take_in(self, catalog: Catalog, progress: Callable[[int, int], None]) -> Took:
        """Take in what lies there; ``progress`` gets how many pictures were taken in so far, twice.

        Raises:
            StoreError: the store is away, full or refuses; what wasn't taken in stays.
        """
        so_far = 0

        def between(took: Took) -> bool:
            nonlocal so_far
            so_far += took.taken
            progress(so_far, so_far)
            return True

        return Taker(catalog, grace_s=0).take_all(self._prefix, between=between)

    def posts(self, known: Known) -> Iterator[Post]:
        """Yield what lies there, sidecars aside."""
        return known.fresh(self._lying())

    def complete(self, post: Post) -> Post:
        """Return the post as it is."""
        return post

    def read(self, image: ImageRef) -> bytes:
        """Return an object's bytes.

        Raises:
            Gone: it was taken in meanwhile.
            ImageRejected: it is too large.
        """
        content = self._inbox.read(image.location, MAX_BYTES)
        if content is None:
            raise Gone(f"{FOLDER}/{image.location} isn't there any more.")
        if content.data is None:
            raise ImageRejected(f"The file has more than {MAX_BYTES:,} bytes. Give a smaller copy of it.")
        return content.data

    def address(self, image: ImageRef) -> str:
        """Return the object's key, with the inbox before it."""
        return post_of(image.location)

    def probe(self) -> list[Finding]:
        """Say whether the inbox can be listed, and what lies first in it."""
        first = next(self._lying(), None)
        return [Finding("inbox", "listed", first.url if first else "nothing lies there now", found=1, essential=True)]

    def close(self) -> None:
        """Hold nothing open."""

    def _lying(self) -> Iterator[Post]:
        for drop in self._inbox.drops(self._prefix):
            if not drop.key.endswith(SIDECAR):
                said = about(drop.key, {}, drop.modified)
                images = (ImageRef(drop.key),)
                yield Post(drop.key, post_of(drop.key), said.published, said.title, dict(said.metadata), images)


def posts_below(spec: InboxSpec) -> str:
    """Return how the posts begin that belong to a source."""
    return f"{FOLDER}/{spec.prefix}/" if spec.prefix else f"{FOLDER}/"
