"""Embed the images of a catalog: decode beside computing, store as it goes, never twice."""

import functools
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from perennial.backbones.engines import Backbone
from perennial.backbones.preprocess import Pixels
from perennial.backbones.quantise import Vectors
from perennial.catalog.catalog import Catalog
from perennial.errors import CatalogError, ImageRejected

Progress = Callable[[int, int], None]
BATCH = 32
FLUSH = 512
DECODERS = 2


@dataclass(frozen=True)
class Embedded:
    """How many images were embedded, and how many of their values were clipped."""

    new: int
    clipped: int


def _silent(done: int, total: int) -> None:
    """Show nothing."""


def embed_missing(
    catalog: Catalog, backbone: Backbone, ids: Sequence[str], *, batch: int = BATCH, progress: Progress = _silent
) -> Embedded:
    """Embed those of ``ids`` that have no embedding under this backbone, and store the vectors every 512 images.

    Killed anywhere and called again, it goes on after what was stored last.

    Raises:
        CatalogError: an image's pixels are damaged.
        ObjectMissing: an image's pixels are gone.
    """
    missing = catalog.without_embedding(backbone.digest, list(dict.fromkeys(ids)))
    read = functools.partial(stored, catalog, turn=backbone.preprocess)
    clipped = 0
    for start in range(0, len(missing), FLUSH):
        part = missing[start : start + FLUSH]
        found: list[Vectors] = []
        for vectors, more in embed_all(backbone, part, read, batch=batch):
            found.append(vectors)
            clipped += more
            progress(start + sum(map(len, found)), len(missing))
        catalog.add_embeddings(backbone.digest, part, np.concatenate(found))
    return Embedded(len(missing), clipped)


def embed_all(
    backbone: Backbone, names: Sequence[str], read: Callable[[str], Pixels], *, batch: int = BATCH
) -> Iterator[tuple[Vectors, int]]:
    """Yield vectors, int16 [n, d], and the count of clipped values, batch after batch.

    Args:
        backbone: what embeds.
        names: the pictures' names.
        read: gives a name's preprocessed picture; called in threads, two batches ahead of computing.
        batch: how many pictures are computed between two yields.
    """
    waiting: deque[Future[Pixels]] = deque()
    with ThreadPoolExecutor(DECODERS, "decode") as pool:
        try:
            for start in range(0, len(names), batch):
                waiting.append(pool.submit(_stack, read, names[start : start + batch]))
                if len(waiting) > DECODERS:
                    yield backbone.embed_counted(waiting.popleft().result())
            while waiting:
                yield backbone.embed_counted(waiting.popleft().result())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _stack(read: Callable[[str], Pixels], names: Sequence[str]) -> Pixels:
    return np.stack([read(name) for name in names])


def stored(catalog: Catalog, id: str, turn: Callable[[bytes], Pixels]) -> Pixels:
    """Return an image of the catalog as ``turn`` makes it of the JPEG.

    Raises:
        CatalogError: its pixels are damaged.
        ObjectMissing: they are gone.
    """
    try:
        return turn(catalog.pixels(id))
    except ImageRejected as error:
        raise CatalogError(
            f"The stored picture {id} is damaged: {error} Restore images/{id[:2]}/{id}.jpg, or delete it and scrape again."
        ) from None
