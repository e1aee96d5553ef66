"""Where a feature map lies on the picture."""

import numpy as np
import pytest
import torch

from perennial.backbones.displacement import displacement
from perennial.backbones.preprocess import Pixels
from perennial.backbones.synthetic import pictures

Maps = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


def pooled(images: Pixels) -> Maps:
    """Return the mean of each 16 by 16 places: cells that lie where they seem to."""
    planes = images.transpose(0, 3, 1, 2).astype(np.float32)
    n, c, side, _ = planes.shape
    return planes.reshape(n, c, side // 16, 16, side // 16, 16).mean(axis=(3, 5))


@pytest.mark.parametrize("shift", [0, 4, 8, 12])
def test_a_known_displacement_is_found(shift: int) -> None:
    def displaced(images: Pixels) -> Maps:
        return pooled(np.pad(images, ((0, 0), (shift, 0), (shift, 0), (0, 0)), "edge")[:, : images.shape[1], : images.shape[2]])

    assert displacement(displaced, pictures(6, 160, 3)) == pytest.approx(shift / 16, abs=0.13)


def test_convolutions_of_odd_width_and_stride_two_lie_beside_and_patches_dont() -> None:
    torch.manual_seed(0)
    odd = torch.nn.Sequential(*[torch.nn.Conv2d(3, 3, 3, 2, 1, groups=3, bias=False) for _ in range(4)])
    even = torch.nn.Conv2d(3, 3, 16, 16, groups=3, bias=False)

    def maps_by(network: torch.nn.Module) -> float:
        for weights in network.parameters():
            torch.nn.init.constant_(weights, 1.0)

        def maps_of(images: Pixels) -> Maps:
            with torch.inference_mode():
                found: Maps = network(torch.from_numpy(images.transpose(0, 3, 1, 2)).float()).numpy()
            return found

        return displacement(maps_of, pictures(6, 160))

    assert maps_by(odd) == pytest.approx(0.47, abs=0.2)
    assert maps_by(even) == 0


def test_maps_that_are_too_small_or_say_nothing_are_left_where_they_are() -> None:
    assert displacement(lambda images: np.zeros((len(images), 4, 8, 8), np.float32), pictures(2, 64)) == 0
    assert displacement(lambda images: pooled(np.roll(images, 8, 2)), pictures(2, 80)) == 0
