"""Near-duplicates: the same picture encoded, scaled, brightened, marked or slightly cropped otherwise, told by a perceptual hash.

The hash is imagehash's pHash of 256 bits: which of a picture's 16 × 16 lowest frequencies lie above their median. Where at most
``DISTANCE`` bits differ, thumbnails of 16 × 16 are compared, since pictures of one pattern or of one studio share a hash: two
pictures are near-duplicates if half of the places differ by at most ``LEVELS`` (measured: docs/sources.md). The later one is a
copy of the nearest picture that was there and is itself no copy, so that copies don't hang together in chains.

Each hash stands in the table ``hashes`` in 16 pieces of 16 bits, and a picture is compared with those that share a piece: all
within 15 bits do, and nearly all within ``DISTANCE``.
"""

import functools
import heapq
import io
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image as Picture

from perennial.catalog.objects import Objects
from perennial.catalog.tables import Layout, Table, View, key_field

DISTANCE = 31
PIECES = 16
DIGITS = 4
SMALLEST = 64
LEVELS = 8.0
"""Levels of 256, the root mean square over the three colours of a place."""

LOOKS = 16
"""At most so many thumbnails are looked at for one picture, the nearest hashes first: some folders are all alike."""

THUMBNAIL = 16
FLAT = 8
"""Grey levels; a picture that spans fewer is one plain colour, which says nothing."""

LAYOUT = Layout(pa.schema([key_field("piece"), pa.field("image", pa.string())]), indexed=("piece",))


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
    """Which image that is there a new one is a copy of. Only for the writer that has the images' table for itself."""

    def __init__(self, objects: Objects, pixels: Callable[[str], bytes]) -> None:
        self._table = Table(objects, "hashes", LAYOUT)
        self._pixels = pixels

    def copies(self, view: View, hashes: Mapping[str, str]) -> dict[str, str]:
        """Return, of new images with their hashes, those that are copies, with the image that each is a copy of.

        They are taken one after the other, so that a stream gives the same however it is cut. ``view`` is the images' table;
        the pixels of all of them are stored.
        """
        near, known = self._there(view, [hash for hash in hashes.values() if hash])
        look = functools.lru_cache(LOOKS * LOOKS)(lambda id: _thumbnail(self._pixels(id)))
        found: dict[str, str] = {}
        for image, hash in hashes.items():
            own, pieces = int(hash or "0", 16), _pieces(hash)
            others = {other for piece in pieces for other in near[piece]}
            distances = ((distance, other) for other in others if (distance := (own ^ known[other]).bit_count()) <= DISTANCE)
            nearest = (other for _, other in heapq.nsmallest(LOOKS, distances))
            root = next((other for other in nearest if _alike(look(image), look(other))), None)
            if root is not None:
                found[image] = root
                continue
            known[image] = own
            for piece in pieces:
                near[piece].append(image)
        return found

    def remember(self, hashes: Mapping[str, str]) -> None:
        """Let later images be compared with these, none of which is a copy; those that never become rows do no harm."""
        rows = [{"piece": piece, "image": image} for image, hash in hashes.items() for piece in _pieces(hash)]
        if rows:
            self._table.append(lambda _: pa.Table.from_pylist(rows, schema=LAYOUT.schema))

    def _there(self, view: View, hashes: Sequence[str]) -> tuple[defaultdict[str, list[str]], dict[str, int]]:
        """Return the images that share a piece with one of these hashes and are no copies, by piece, and their hashes."""
        asked = sorted({piece for hash in hashes for piece in _pieces(hash)})
        shared = self._table.view().lookup("piece", asked, ("piece", "image")).to_pylist()
        rows = view.lookup("id", sorted({row["image"] for row in shared}), ("id", "hash", "copy_of")).to_pylist()
        known = {row["id"]: int(row["hash"], 16) for row in rows if row["hash"] and not row["copy_of"]}
        near: defaultdict[str, list[str]] = defaultdict(list)
        for row in shared:
            if row["image"] in known:
                near[row["piece"]].append(row["image"])
        return near, known


def _thumbnail(jpeg: bytes) -> NDArray[np.float32]:
    """Return a JPEG's colours at 16 × 16 places, as an array of (16, 16, 3) of 0 to 255."""
    with Picture.open(io.BytesIO(jpeg), formats=("JPEG",)) as picture:
        picture.draft("RGB", (SMALLEST, SMALLEST))
        small = picture.convert("RGB").resize((THUMBNAIL, THUMBNAIL), Picture.Resampling.BOX)
    return np.asarray(small, np.float32)


def _alike(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    return bool(np.median(np.sqrt(np.square(one - other).mean(axis=2))) <= LEVELS)


def _pieces(hash: str | None) -> list[str]:
    """Return a hash's pieces, each with its place before it."""
    return [f"{place:x}{hash[place * DIGITS : (place + 1) * DIGITS]}" for place in range(PIECES)] if hash else []
