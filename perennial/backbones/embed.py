"""Embed the images of a catalog: decode beside computing, store as it goes, never twice."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from perennial.backbones.engines import Backbone
from perennial.backbones.preprocess import Pixels
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
    clipped = 0
    for start in range(0, len(missing), FLUSH):
        part = missing[start : start + FLUSH]
        vectors = np.empty((len(part), backbone.dims), np.int16)
        done = 0
        for images in _decoded(catalog, backbone, part, batch):
            vectors[done : done + len(images)], more = backbone.embed_counted(images)
            clipped += more
            done += len(images)
            progress(start + done, len(missing))
        catalog.add_embeddings(backbone.digest, part, vectors)
    return Embedded(len(missing), clipped)


def _decoded(catalog: Catalog, backbone: Backbone, ids: Sequence[str], batch: int) -> Iterator[Pixels]:
    """Yield preprocessed images in batches, uint8 [n, crop, crop, 3], decoding two batches ahead."""
    waiting: deque[Future[Pixels]] = deque()
    with ThreadPoolExecutor(DECODERS, "decode") as pool:
        for start in range(0, len(ids), batch):
            waiting.append(pool.submit(_batch, catalog, backbone, ids[start : start + batch]))
            if len(waiting) > DECODERS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _batch(catalog: Catalog, backbone: Backbone, ids: Sequence[str]) -> Pixels:
    return np.stack([_pixels(catalog, backbone, id) for id in ids])


def _pixels(catalog: Catalog, backbone: Backbone, id: str) -> Pixels:
    try:
        return backbone.preprocess(catalog.pixels(id))
    except ImageRejected as error:
        raise CatalogError(
            f"The stored picture {id} is damaged: {error} Restore images/{id[:2]}/{id}.jpg, or delete it and scrape again."
        ) from None
