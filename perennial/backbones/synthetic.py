"""Seeded pictures that stand in for real ones at export, equal on every machine."""

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


def pictures(count: int, side: int, seed: int = 0) -> Pixels:
    """Return drawn scenes of overlapping shapes, stripes and grain: uint8 [count, side, side, 3].

    numpy's ``RandomState`` promises the same stream in every version; only integers are drawn and computed with.
    """
    draw = np.random.RandomState(seed)
    return np.stack([_picture(draw, side) for _ in range(count)])


def _picture(draw: np.random.RandomState, side: int) -> Pixels:
    down, across = np.mgrid[:side, :side]
    canvas = _blend(_colour(draw), _colour(draw), down, side)
    for _ in range(int(draw.randint(4, 14))):
        centre, size = draw.randint(0, side, 2), draw.randint(2, max(3, side // 2), 2)
        inside = _shape(int(draw.randint(3)), (down - centre[0], across - centre[1]), size)
        canvas[inside] = _blend(_colour(draw), _colour(draw), across, side)[inside]
        if draw.randint(2):
            period = int(draw.randint(4, max(5, side // 6)))
            stripes = inside & ((down if draw.randint(2) else across) % period < max(1, period // 3))
            canvas[stripes] = _colour(draw)
    grain = draw.randint(-12, 13, (side, side, 1))
    shown: Pixels = np.clip(canvas + grain, 0, 255).astype(np.uint8)
    return shown


def _shape(
    kind: int, offset: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]], size: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Return where a box, an ellipse or a triangle lies."""
    down, across = offset
    inside: npt.NDArray[np.bool_] = (down > -size[0]) & (down < 0) & (abs(across) * size[0] < (down + size[0]) * size[1])
    if kind == 0:
        inside = (abs(down) < size[0]) & (abs(across) < size[1])
    if kind == 1:
        inside = (down * size[1]) ** 2 + (across * size[0]) ** 2 < (size[0] * size[1]) ** 2
    return inside


def _colour(draw: np.random.RandomState) -> npt.NDArray[np.int64]:
    return draw.randint(0, 256, 3)


def _blend(
    one: npt.NDArray[np.int64], other: npt.NDArray[np.int64], along: npt.NDArray[np.int64], side: int
) -> npt.NDArray[np.int64]:
    """Return a gradient from one colour to the other, int [side, side, 3]."""
    share = along[..., None]
    return (one * (side - share) + other * share) // side
