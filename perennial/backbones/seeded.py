"""A seeded random network: the same weights on every machine, and features worth having.

Random convolutions tell pictures apart well enough for a try-out if each batch normalisation knows its input's mean and
variance; as constructed it doesn't, and features come out nearly constant. So the statistics are taken once, from seeded
pictures, in float64, and rounded to a few bits, so that machines whose sums differ in their last bits agree on the result.
"""

import hashlib
import math
from typing import TYPE_CHECKING

import numpy as np

from perennial.backbones.synthetic import pictures

if TYPE_CHECKING:
    import torch

PICTURES = 32
KEPT_BITS = 8


def seed(network: "torch.nn.Module", pipeline: "torch.nn.Module", number: int, side: int) -> None:
    """Fill a network with seeded weights and calibrate its batch normalisations.

    Args:
        network: what is filled, in place.
        pipeline: normalisation and network, from uint8 [n, side, side, 3] to features.
        number: the seed.
        side: side of the input in pixels.
    """
    import torch

    with torch.no_grad():
        for name, parameter in network.named_parameters():
            value = _value(name, tuple(parameter.shape), number)
            if value is not None:
                parameter.copy_(torch.from_numpy(value))
        _calibrate(network, pipeline, side)


def _value(name: str, shape: tuple[int, ...], number: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]] | None":
    """Return uniform weights by He et al. 2015 (arXiv:1502.01852), zero biases, and None for what keeps its first value."""
    if name.endswith("bias"):
        return np.zeros(shape)
    if len(shape) < 2 or "layer_scale" in name:
        return None
    inputs = math.prod(shape[1:]) if name.endswith("weight") else 2500
    key = np.frombuffer(hashlib.sha256(f"{number}/{name}".encode()).digest(), "<u4")
    draw = np.random.RandomState(key).random_sample(shape)
    return (2 * draw - 1) * math.sqrt(6 / inputs)


def _calibrate(network: "torch.nn.Module", pipeline: "torch.nn.Module", side: int) -> None:
    import torch

    layers = [layer for layer in network.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    if not layers:
        return
    usual = [layer.momentum for layer in layers]
    pipeline.double()
    for layer in layers:
        layer.train()
        layer.momentum = 1.0
    pipeline(torch.from_numpy(pictures(PICTURES, side)))
    for layer, momentum in zip(layers, usual, strict=True):
        layer.eval()
        layer.momentum = momentum
        for statistic in (layer.get_buffer("running_mean"), layer.get_buffer("running_var")):
            statistic.copy_(_rounded(statistic))
    pipeline.float()


def _rounded(values: "torch.Tensor") -> "torch.Tensor":
    import torch

    mantissa, exponent = torch.frexp(values)
    return torch.ldexp(torch.round(mantissa * 2**KEPT_BITS) / 2**KEPT_BITS, exponent)
