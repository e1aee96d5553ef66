"""A source in memory whose pictures are drawn, that counts what it is asked for and misbehaves as it is told."""

import datetime
import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Sequence

from PIL import Image

from perennial.sources.posts import ImageRef, Known, Post

DAY = datetime.date(2026, 3, 1)


def drawn(name: str) -> bytes:
    """Return a small picture of noise that looks like no other name's."""
    noise = Image.frombytes("RGB", (8, 8), hashlib.shake_256(name.encode()).digest(192))
    data = io.BytesIO()
    noise.resize((32, 32), Image.Resampling.BILINEAR).save(data, "PNG")
    return data.getvalue()


def post(id: str, *pictures: str | ImageRef, published: datetime.date = DAY, title: str = "", **metadata: str) -> Post:
    """Return a post with these pictures, each drawn from its name."""
    images = tuple(ImageRef(picture) if isinstance(picture, str) else picture for picture in pictures)
    return Post(id, f"/{id}", published, title or f"House {id}", metadata, images)


class Shelf:
    """Its posts, in their order; an address in ``wrong`` gives those bytes, or raises that error."""

    name = "shelf"
    key = "shelf-1"
    parser = 1

    def __init__(self, posts: Sequence[Post], *, workers: int = 2) -> None:
        self.shown = list(posts)
        self.workers = workers
        self.asked = Counter[str]()
        self.wrong: dict[str, bytes | Exception] = {}
        self.end: Exception | None = None

    def posts(self, known: Known) -> Iterator[Post]:
        yield from known.fresh(self.shown)
        if self.end is not None:
            raise self.end

    def complete(self, post: Post) -> Post:
        self._give(post.url)
        return post

    def read(self, image: ImageRef) -> bytes:
        return self._give(image.location) or drawn(image.location)

    def address(self, image: ImageRef) -> str:
        return image.location

    def close(self) -> None:
        pass

    def _give(self, address: str) -> bytes | None:
        self.asked[address] += 1
        wrong = self.wrong.get(address)
        if isinstance(wrong, Exception):
            raise wrong
        return wrong
