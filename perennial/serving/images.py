"""From the bytes that a client sent to the pixels that a backbone takes."""

import io
import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL.JpegImagePlugin import JpegImageFile

from perennial.backbones.engines import Backbone
from perennial.sources.images import LONGEST_SIDE, MAX_BYTES, MAX_PIXELS, MIN_SIDE, normalise

Pixels = NDArray[np.uint8]


def pixels(data: bytes, backbone: Backbone) -> Pixels:
    """Return an image as the backbone saw those that it learnt from, uint8 [H, W, 3].

    A plain JPEG is decoded at once at the scale that is needed. Anything else is normalised first, as if it had been taken into
    the catalog; to do so to a large plain JPEG as well would cost six times as much, and moves its pixels by up to half of one.

    Raises:
        ImageRejected: it is no image that is taken in, with the reason.
    """
    return pixels_of(data, [backbone])[backbone.digest]


def pixels_of(data: bytes, backbones: Sequence[Backbone]) -> dict[str, Pixels]:
    """Return an image as each backbone takes it, by digest; backbones that take the same pixels share them.

    Raises:
        ImageRejected: it is no image that is taken in, with the reason.
    """
    plain = data if _plain(data) else normalise(data).jpeg
    made: dict[tuple[int, int], Pixels] = {}
    found = {}
    for backbone in backbones:
        wanted = backbone.description.preprocessing
        size = wanted.resize, wanted.crop
        if size not in made:
            made[size] = backbone.preprocess(plain)
        found[backbone.digest] = made[size]
    return found


def _plain(data: bytes) -> bool:
    """Return whether these bytes are a whole RGB JPEG without a colour profile, within the limits of what is taken in."""
    if not (data.startswith(b"\xff\xd8") and data.endswith(b"\xff\xd9")) or len(data) > MAX_BYTES:
        return False
    try:
        with JpegImageFile(io.BytesIO(data)) as picture:
            picture.getexif().get(0)  # damaged EXIF is read past in normalising
            within = picture.width * picture.height <= MAX_PIXELS and _wide_enough(*picture.size)
            return within and picture.mode == "RGB" and not {"icc_profile", "mp"} & picture.info.keys()
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, struct.error, UserWarning):
        return False  # the gate says what is wrong with it


def _wide_enough(width: int, height: int) -> bool:
    longest, shortest = max(width, height), min(width, height)
    return shortest * min(1.0, LONGEST_SIDE / max(longest, 1)) >= MIN_SIDE
