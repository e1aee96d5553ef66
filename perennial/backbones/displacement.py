"""How far a feature map lies beside the picture: found by comparing a picture's map with that of its mirror image."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from perennial.backbones.preprocess import Pixels

Maps = npt.NDArray[np.float32]
LAGS = range(-1, 4)
FEWEST_CELLS = 6
STEPS = 8


def displacement(maps_of: Callable[[Pixels], Maps], pictures: Pixels) -> float:
    """Return how many cells a network's maps lie too far right, and so too far down, to within about a fifth of one.

    A convolution of odd width and stride 2 looks at every second place beginning with the first, not at the middle of every
    two. So what a cell of a ResNet stands for is further up and left than where the cell is if its map is laid over the
    picture. In the mirror image it is on the other side: the lag between the two maps is twice the displacement. 0 where the
    map is too small to tell, or nothing clear is found.

    Args:
        maps_of: gives maps, [n, d, h, w], of images.
        pictures: some images, uint8 [n, side, side, 3].
    """
    there, mirrored = maps_of(pictures), maps_of(np.ascontiguousarray(pictures[:, :, ::-1]))[..., ::-1]
    if there.shape[-1] < FEWEST_CELLS:
        return 0.0
    likeness = np.array([_likeness(there, mirrored, lag) for lag in LAGS])
    best = int(likeness.argmax())
    if best in (0, len(LAGS) - 1):
        return 0.0
    before, peak, after = likeness[best - 1 : best + 2]
    lag = LAGS[best] + float((before - after) / (2 * (before - 2 * peak + after)))
    return max(0.0, round(lag / 2 * STEPS) / STEPS)


def _likeness(one: Maps, other: Maps, lag: int) -> float:
    """Return the correlation of two maps where they overlap if the first is moved left by ``lag`` cells."""
    width = one.shape[-1]
    here, there = one[..., max(0, lag) : width + min(0, lag)], other[..., max(0, -lag) : width - max(0, lag)]
    centred = [part - part.mean(axis=(-2, -1), keepdims=True) for part in (here, there)]
    size = float(np.sqrt((centred[0] ** 2).sum() * (centred[1] ** 2).sum()))
    return float((centred[0] * centred[1]).sum()) / size if size else 0.0
