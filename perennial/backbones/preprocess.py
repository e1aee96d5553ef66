"""From encoded picture to network input: the one function that embedding, serving and tests call."""

import io

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps

from perennial.errors import ImageRejected

Pixels = npt.NDArray[np.uint8]
FORMATS = ("JPEG", "PNG", "WEBP")
MAX_PIXELS = 50_000_000
VERSION = 1
"""Raised whenever the same bytes would give other pixels; part of a backbone's digest."""


def preprocess(data: bytes, resize: int, crop: int) -> Pixels:
    """Return the centre of a picture as uint8 [crop, crop, 3], RGB.

    Does what torchvision's ``Resize(resize)`` (shorter side, bilinear, antialiased) and ``CenterCrop(crop)`` do, in one pass
    over the part that is kept. A JPEG is decoded at the smallest scale, 1/1 to 1/8, that is still as large as the result.

    Args:
        data: an encoded picture.
        resize: shorter side after resizing, in pixels.
        crop: side of the part that is kept, in pixels, at most ``resize``.

    Raises:
        ImageRejected: the bytes are no picture, are cut short, or hold too many pixels.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            return _centre(picture, resize, crop)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageRejected(f"A picture has more than {MAX_PIXELS:,} pixels. Make it smaller.") from None
    except (OSError, ValueError, SyntaxError) as error:
        first = " ".join(str(error).split("<")[0].split())
        raise ImageRejected(
            f"{len(data):,} bytes can't be decoded as a picture ({first}). Send a whole JPEG, PNG or WebP."
        ) from None


def _centre(picture: Image.Image, resize: int, crop: int) -> Pixels:
    if picture.width * picture.height > MAX_PIXELS:
        raise Image.DecompressionBombError
    turned = picture.getexif().get(ExifTags.Base.Orientation, 1) if "exif" in picture.info else 1
    picture.draft("RGB", _scaled(picture.size, resize))
    box = kept_box(picture.size, resize, crop)
    rgb = picture if picture.mode == "RGB" else picture.convert("RGB")
    kept = rgb.resize((crop, crop), Image.Resampling.BILINEAR, box)
    if turned != 1:
        kept.getexif()[ExifTags.Base.Orientation] = turned
        ImageOps.exif_transpose(kept, in_place=True)
    return np.asarray(kept)


def _scaled(size: tuple[int, int], resize: int) -> tuple[int, int]:
    """Return the size whose shorter side is ``resize``; the longer one is rounded down, as torchvision does."""
    width, height = size
    return (resize, resize * height // width) if width <= height else (resize * width // height, resize)


def kept_box(size: tuple[int, int], resize: int, crop: int) -> tuple[float, float, float, float]:
    """Return the box of the original that becomes the centre crop of the scaled picture."""
    scaled = _scaled(size, resize)
    left, top = (round((side - crop) / 2) for side in scaled)
    across, down = size[0] / scaled[0], size[1] / scaled[1]
    return left * across, top * down, (left + crop) * across, (top + crop) * down
