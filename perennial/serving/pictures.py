"""A picture that people sent, in the form in which the catalog keeps pictures, so that the same one is known again."""

import io
import struct

from PIL.JpegImagePlugin import JpegImageFile

from perennial.errors import ImageRejected
from perennial.sources.images import LONGEST_SIDE, MAX_BYTES, MIN_SIDE, normalise


def catalog_form(data: bytes) -> bytes:
    """Return a picture in the catalog's form: the same bytes where they are so already, else normalised.

    Raises:
        ImageRejected: it is no image that is taken in, with the reason.
    """
    if not _normal(data):
        return normalise(data).jpeg
    try:
        with JpegImageFile(io.BytesIO(data)) as picture:
            picture.load()
    except Exception as error:  # Pillow's decoders raise nearly any class on crafted bytes
        raise ImageRejected(f"The JPEG is damaged ({' '.join(str(error).split())[:120]}). Export it again.") from error
    return data


def size_of(jpeg: bytes) -> tuple[int, int]:
    """Return width and height of a picture in the catalog's form."""
    with JpegImageFile(io.BytesIO(jpeg)) as picture:
        return picture.size


def _normal(data: bytes) -> bool:
    """Return whether these bytes are a whole RGB JPEG, small, without metadata."""
    if len(data) > MAX_BYTES or not (data.startswith(b"\xff\xd8") and data.endswith(b"\xff\xd9")):
        return False
    try:
        with JpegImageFile(io.BytesIO(data)) as picture:
            plain = picture.mode == "RGB" and not picture.getexif() and not {"icc_profile", "comment", "mp"} & picture.info.keys()
            return plain and max(picture.size) <= LONGEST_SIDE and min(picture.size) >= MIN_SIDE
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, struct.error, UserWarning):
        return False  # the gate says what is wrong with it
