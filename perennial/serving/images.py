"""From the bytes that a client sent to the pixels that a backbone takes."""

import io
import struct

import numpy as np
from numpy.typing import NDArray
from PIL.JpegImagePlugin import JpegImageFile

from perennial.backbones.engines import Backbone
from perennial.sources.images import LONGEST_SIDE, normalise

Pixels = NDArray[np.uint8]


def pixels(data: bytes, backbone: Backbone) -> Pixels:
    """Return an image as the backbone saw those that it learnt from, uint8 [H, W, 3].

    An image that isn't normalised yet is normalised first, as if it had been taken into the catalog.

    Raises:
        ImageRejected: it is no image that is taken in, with the reason.
    """
    return backbone.preprocess(data if _normalised(data) else normalise(data).jpeg)


def _normalised(data: bytes) -> bool:
    """Return whether these bytes are as the catalog keeps them: a whole RGB JPEG, small, without metadata."""
    if not (data.startswith(b"\xff\xd8") and data.endswith(b"\xff\xd9")):
        return False
    try:
        with JpegImageFile(io.BytesIO(data)) as picture:
            plain = picture.mode == "RGB" and not picture.getexif() and "icc_profile" not in picture.info
            return plain and max(picture.size) <= LONGEST_SIDE
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, struct.error):
        return False  # the gate says what is wrong with it
