"""Near-duplicates: the same picture encoded, scaled, brightened, marked or slightly cropped otherwise, told by a perceptual hash.

The hash is imagehash's pHash of 256 bits: which of a picture's 16 × 16 lowest frequencies lie above their median. Two pictures
are near-duplicates where at most ``DISTANCE`` bits differ (measured: docs/sources.md). The later one is a copy of the nearest
picture that was there and is itself no copy, so that copies don't hang together in chains.

Each hash stands in the table ``hashes`` in 16 pieces of 16 bits, and a picture is compared with those that share a piece: all
within 15 bits do, and nearly all within ``DISTANCE``.
"""

import io
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from PIL import Image as Picture

from perennial.catalog.objects import Objects
from perennial.catalog.tables import Layout, Table, View, key_field

DISTANCE = 31
PIECES = 16
DIGITS = 4
SMALLEST = 64
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

    def __init__(self, objects: Objects) -> None:
        self._table = Table(objects, "hashes", LAYOUT)

    def copies(self, view: View, hashes: Mapping[str, str]) -> dict[str, str]:
        """Return, of new images with their hashes, those that are copies, with the image that each is a copy of.

        They are taken one after the other, so that a stream gives the same however it is cut. ``view`` is the images' table.
        """
        near, known = self._there(view, [hash for hash in hashes.values() if hash])
        found: dict[str, str] = {}
        for image, hash in hashes.items():
            own, pieces = int(hash or "0", 16), _pieces(hash)
            others = {other for piece in pieces for other in near[piece]}
            distance, root = min((((own ^ known[other]).bit_count(), other) for other in others), default=(DISTANCE + 1, ""))
            if distance <= DISTANCE:
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


def _pieces(hash: str | None) -> list[str]:
    """Return a hash's pieces, each with its place before it."""
    return [f"{place:x}{hash[place * DIGITS : (place + 1) * DIGITS]}" for place in range(PIECES)] if hash else []
