"""A seeded random network: the same weights on every machine, and features worth having.

As constructed, a deep network's signal grows or dies from layer to layer. So every batch normalisation is given one factor,
measured once from seeded pictures: in float64 and rounded to a few bits, so that machines whose sums differ in their last bits
agree on the result. One factor for the whole layer keeps the network nearly linear. Taking mean and variance channel by
channel, as training does, makes random features worse: on drawn buildings linear discriminant analysis fell from 0.90 to 0.83.
"""

import hashlib
import math
from typing import TYPE_CHECKING

import numpy as np

from perennial.backbones.synthetic import pictures

if TYPE_CHECKING:
    import torch

PICTURES = 8
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
    """Let each batch normalisation divide by the one root mean square of all that comes in, layer after layer."""
    import torch

    def measure(layer: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        layer.get_buffer("running_mean").zero_()
        layer.get_buffer("running_var").fill_(_rounded(float(inputs[0].square().mean())))

    layers = [layer for layer in network.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    if not layers:
        return
    hooks = [layer.register_forward_pre_hook(measure) for layer in layers]
    pipeline.double()(torch.from_numpy(pictures(PICTURES, side)))
    pipeline.float()
    for hook in hooks:
        hook.remove()


def _rounded(value: float) -> float:
    mantissa, exponent = math.frexp(value)
    return math.ldexp(round(mantissa * 2**KEPT_BITS) / 2**KEPT_BITS, exponent)
