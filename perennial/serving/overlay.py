"""A class activation map drawn over the picture, for people to look at."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from perennial.sources.images import normalise

Box = tuple[float, float, float, float]
SIDE = 448
QUALITY = 88
DIM = 0.42
"""Brightness of what doesn't speak for the class; it is grey as well."""
EDGE = (255, 176, 32)
HALF = 0.5


def overlay(data: bytes, kept: Box, values: NDArray[np.float64], covered: Box) -> bytes:
    """Return, as JPEG, the part of a picture that the network saw: in colour where it spoke for the class, else grey and dim.

    A line surrounds what speaks for it at least half as much as the strongest part.

    Args:
        data: the picture, as it was sent.
        kept: the part that is shown, as fractions of the upright picture's sides: left, top, right, bottom.
        values: the map, from 0 to 1, [h, w].
        covered: the part that the map covers, likewise; what is shown beyond it is as its nearest cell.
    """
    shown = _cut(data, kept)
    strength = _spread(values, kept, covered, shown.size)
    pixels = np.asarray(shown, np.float32)
    grey = np.asarray(shown.convert("L"), np.float32)[..., None]
    mixed = strength[..., None] * pixels + (1 - strength[..., None]) * DIM * grey
    line = _outline(strength)[..., None]
    drawn = (1 - line) * mixed + line * np.array(EDGE, np.float32)
    buffer = io.BytesIO()
    Image.fromarray(drawn.round().astype(np.uint8)).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def _cut(data: bytes, kept: Box) -> Image.Image:
    """Return a part of a picture, upright, its shorter side SIDE pixels long."""
    with Image.open(io.BytesIO(normalise(data).jpeg)) as picture:
        width, height = picture.size
        left, top, right, bottom = kept[0] * width, kept[1] * height, kept[2] * width, kept[3] * height
        scale = SIDE / min(right - left, bottom - top)
        size = round((right - left) * scale), round((bottom - top) * scale)
        return picture.convert("RGB").resize(size, Image.Resampling.BICUBIC, (left, top, right, bottom))


def _spread(values: NDArray[np.float64], kept: Box, covered: Box, size: tuple[int, int]) -> NDArray[np.float32]:
    """Return the map's value at each pixel of what is shown, [H, W], smooth between the cells' middles."""
    rows, columns = values.shape
    down = _places(kept[1], kept[3], covered[1], covered[3], rows, size[1])
    across = _places(kept[0], kept[2], covered[0], covered[2], columns, size[0])
    tall = np.stack([np.interp(down, np.arange(rows), values[:, i]) for i in range(columns)], axis=1)
    wide = np.stack([np.interp(across, np.arange(columns), row) for row in tall])
    blur = ImageFilter.GaussianBlur(SIDE / max(rows, columns) / 3)  # takes the kinks out of what is linear between cells
    soft = np.asarray(Image.fromarray((255 * wide).round().astype(np.uint8)).filter(blur), np.float32)
    most = soft.max()
    return soft / most if most > 0 else soft


def _places(start: float, stop: float, first: float, last: float, cells: int, pixels: int) -> NDArray[np.float64]:
    """Return where pixels lie among the cells along one side, counted from the middle of the first cell."""
    middles = start + (np.arange(pixels) + 0.5) / pixels * (stop - start)
    places: NDArray[np.float64] = (middles - first) / (last - first) * cells - 0.5
    return places


def _outline(strength: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how much of the line lies on each pixel, from 0 to 1."""
    inside = Image.fromarray(np.where(strength >= HALF, 255, 0).astype(np.uint8))
    rim = np.asarray(inside.filter(ImageFilter.MaxFilter(3)), np.float32) - np.asarray(inside, np.float32)
    soft = Image.fromarray(rim.astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.8))
    return np.clip(np.asarray(soft, np.float32) / 140, 0, 1)
