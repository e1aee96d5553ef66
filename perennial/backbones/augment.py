"""Pictures as training sees them: a random part at the network's size, mirrored every other time."""

import io
import math

import numpy as np
from PIL import Image, ImageOps

from perennial.backbones.preprocess import FORMATS, Pixels
from perennial.errors import ImageRejected

SMALLEST = 0.35
"""Share of the area that a part has at least; far smaller parts often show nothing of what names the class."""

NARROWEST = 3 / 4


def augmented(data: bytes, side: int, draw: np.random.Generator) -> Pixels:
    """Return a random part of a stored picture, uint8 [side, side, 3], RGB: Szegedy et al. 2015 (arXiv:1409.4842), milder.

    Raises:
        ImageRejected: the bytes are no whole picture.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            left, top, width, height = _part(picture.size, draw)
            picture.draft("RGB", (math.ceil(side / width), math.ceil(side / height)))
            across, down = picture.size
            box = (left * across, top * down, (left + width) * across, (top + height) * down)
            shown = picture.convert("RGB").resize((side, side), Image.Resampling.BILINEAR, box)
    except (OSError, ValueError, SyntaxError) as error:
        raise ImageRejected(f"{len(data):,} bytes can't be decoded as a picture ({' '.join(str(error).split())}).") from None
    return np.asarray(ImageOps.mirror(shown) if draw.random() < 0.5 else shown)


def _part(size: tuple[int, int], draw: np.random.Generator) -> tuple[float, float, float, float]:
    """Return left, top, width and height of a random part, as shares of the picture's sides."""
    share, stretch = draw.uniform(SMALLEST, 1), math.exp(draw.uniform(math.log(NARROWEST), -math.log(NARROWEST)))
    shape = math.sqrt(stretch * size[1] / size[0])
    width, height = min(1.0, math.sqrt(share) * shape), min(1.0, math.sqrt(share) / shape)
    return draw.uniform(0, 1 - width), draw.uniform(0, 1 - height), width, height
