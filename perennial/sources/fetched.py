"""What became of each image that was asked for, set down at once: a run that is killed doesn't ask for it again."""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from perennial.catalog.digests import digest_of
from perennial.catalog.objects import Objects
from perennial.sources.posts import ImageRef, Post

READERS = 16


@dataclass(frozen=True, slots=True)
class Fetched:
    """One image that a source was asked for: ``image`` is the source's own name for it, ``about`` what its row needs to say.

    ``at`` is in seconds since 1970; ``sha`` and ``about`` are there where it was taken, ``reason`` where it wasn't.
    """

    image: str
    status: Literal["taken", "gone", "refused"]
    at: int
    sha: str = ""
    about: Mapping[str, Any] = field(default_factory=dict, hash=False)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """One post that was read, with what became of each of its images; None stands for one that was known before.

    ``skipped`` is one that couldn't be read for days, ``other`` nothing that the source takes, such as an article.
    """

    post: Post
    status: Literal["taken", "gone", "skipped", "other"] = "taken"
    images: tuple[tuple[ImageRef, Fetched | None], ...] = ()

    def rows(self) -> Iterator[tuple[ImageRef, Fetched]]:
        """Yield the images that get rows."""
        yield from ((reference, one) for reference, one in self.images if one is not None and one.status == "taken")


class Journal:
    """Records of images that the tables don't hold yet, each an object, ``sources/<key>/taken/<digest of its name>.json``."""

    def __init__(self, objects: Objects, key: str) -> None:
        self._objects = objects
        self._folder = f"sources/{key}/taken"

    def note(self, fetched: Fetched) -> None:
        """Set down what became of an image; its pixels lie in the store already."""
        self._objects.put_json(self._key(fetched.image), asdict(fetched))

    def read(self) -> list[Fetched]:
        """Return what runs that didn't end left."""
        with ThreadPoolExecutor(READERS) as pool:
            return [Fetched(**document) for document in pool.map(self._objects.get_json, self._objects.keys(self._folder))]

    def strike(self, images: Iterable[str]) -> None:
        """Take records away, once the tables hold them."""
        self._objects.delete_all([self._key(image) for image in images])

    def _key(self, image: str) -> str:
        return f"{self._folder}/{digest_of(image)}.json"
