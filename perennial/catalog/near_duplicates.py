"""Near-duplicates: the same picture encoded, scaled, marked or slightly cropped otherwise, told by a perceptual hash.

The hash is imagehash's pHash of 256 bits: which of a picture's 16 × 16 lowest frequencies lie above their median. Where at most
``DISTANCE`` bits differ, thumbnails of 16 × 16 are compared, since pictures of one pattern or of one studio share a hash: two
pictures are near-duplicates if half of the places differ by at most ``LEVELS`` (measured: docs/sources.md). The later one is a
copy of the nearest picture that was there and is itself no copy, so that copies don't hang together in chains.

A process keeps the hashes of all images that are no copies, 40 bytes each, and reads those that came since with each use.
"""

import functools
import heapq
import io
from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from perennial.catalog.tables import View

DISTANCE = 31
SMALLEST = 64
FLAT = 8
"""Grey levels; a picture that spans fewer is one plain colour, which says nothing."""

LEVELS = 8.0
"""Levels of 256, the root mean square over the three colours of a place."""

LOOKS = 16
"""At most so many thumbnails are looked at for one picture, the nearest hashes first: some folders are all alike."""

THUMBNAIL = 16
_WORDS = 4  # of 64 bits
_BLOCK = 1 << 16


def perceptual_hash(jpeg: bytes) -> str:
    """Return a JPEG's perceptual hash as 64 hexadecimal digits; empty for one plain colour, or where it can't be decoded."""
    import imagehash

    try:
        with Picture.open(io.BytesIO(jpeg), formats=("JPEG",)) as picture:
            picture.draft("L", (SMALLEST, SMALLEST))
            grey = picture.convert("L")
    except (OSError, SyntaxError, ValueError):
        return ""
    return str(imagehash.phash(grey, hash_size=16)) if np.ptp(np.asarray(grey)) >= FLAT else ""


class NearDuplicates:
    """Which image that is there a new one is a copy of."""

    def __init__(self, pixels: Callable[[str], bytes]) -> None:
        """Know nothing yet; ``pixels`` gives the JPEG of an image by its id."""
        self._pixels = pixels
        self._hashes: NDArray[np.uint64] = np.empty((_WORDS, 0), np.uint64)
        self._rows: NDArray[np.uint64] = np.empty(0, np.uint64)
        self._next = 0

    def copies(self, view: View, hashes: Mapping[str, str]) -> dict[str, str]:
        """Return, of new images with their hashes, those that are copies, with the image that each is a copy of.

        They are taken one after the other, so that a stream gives the same however it is cut. ``view`` is the images' table;
        the pixels of all of them are stored.
        """
        asked = {image: _words(hash) for image, hash in hashes.items() if hash}
        if not asked:
            return {}
        self._read(view)
        near = self._near(view, asked)
        look = functools.lru_cache(LOOKS * LOOKS)(lambda id: _thumbnail(self._pixels(id)))
        words = np.concatenate(list(asked.values()), axis=1)
        names = list(asked)
        first = np.zeros(len(names), np.bool_)
        found: dict[str, str] = {}
        for place, image in enumerate(names):
            new = ((distance, names[other]) for distance, other in _within(words[:, :place], asked[image]) if first[other])
            candidates = heapq.nsmallest(LOOKS, [*near[image], *new])
            root = next((other for _, other in candidates if _alike(look(image), look(other))), None)
            if root is not None:
                found[image] = root
            first[place] = root is None
        return found

    def _read(self, view: View) -> None:
        """Read the hashes of images that came since."""
        rows = view.read(("hash",), f"_rowid >= {self._next} AND hash != '' AND copy_of = ''", row_ids=True)
        if rows.num_rows:
            self._hashes = np.concatenate([self._hashes, _words("".join(rows["hash"].to_pylist()))], axis=1)
            self._rows = np.concatenate([self._rows, rows["_rowid"].to_numpy()])
            self._next = int(self._rows.max()) + 1

    def _near(self, view: View, asked: Mapping[str, NDArray[np.uint64]]) -> dict[str, list[tuple[int, str]]]:
        """Return, for each image, the nearest ones that are there, with their distances."""
        hits = {image: heapq.nsmallest(LOOKS, _within(self._hashes, own)) for image, own in asked.items()}
        rows = {int(self._rows[place]) for several in hits.values() for _, place in several}
        if not rows:
            return {image: [] for image in asked}
        there = view.read(("id",), f"_rowid IN ({', '.join(map(str, sorted(rows)))})", row_ids=True)
        ids = dict(zip(there["_rowid"].to_pylist(), there["id"].to_pylist(), strict=True))
        return {
            image: [(distance, ids[row]) for distance, place in several if (row := int(self._rows[place])) in ids]
            for image, several in hits.items()
        }


def _words(digits: str) -> NDArray[np.uint64]:
    """Return hashes that stand one behind the other as an array of (4, n)."""
    return np.ascontiguousarray(np.frombuffer(bytes.fromhex(digits), np.uint64).reshape(-1, _WORDS).T)


def _within(hashes: NDArray[np.uint64], own: NDArray[np.uint64]) -> Iterator[tuple[int, int]]:
    """Yield distance and place of the hashes that are near."""
    for start in range(0, hashes.shape[1], _BLOCK):
        distances = np.bitwise_count(hashes[:, start : start + _BLOCK] ^ own).sum(axis=0, dtype=np.uint16)
        yield from ((int(distances[place]), start + int(place)) for place in np.flatnonzero(distances <= DISTANCE))


def _thumbnail(jpeg: bytes) -> NDArray[np.float32]:
    """Return a JPEG's colours at 16 × 16 places, as an array of (16, 16, 3) of 0 to 255."""
    with Picture.open(io.BytesIO(jpeg), formats=("JPEG",)) as picture:
        picture.draft("RGB", (SMALLEST, SMALLEST))
        small = picture.convert("RGB").resize((THUMBNAIL, THUMBNAIL), Picture.Resampling.BOX)
    return np.asarray(small, np.float32)


def _alike(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    return bool(np.median(np.sqrt(np.square(one - other).mean(axis=2))) <= LEVELS)
