"""torchvision's classification networks without their heads: the output is the pooled feature."""

import difflib
import warnings
from typing import TYPE_CHECKING

from perennial.errors import BackboneError

if TYPE_CHECKING:
    import torch

CLASSES = 1000


def create(name: str) -> "torch.nn.Module":
    """Return torchvision's network of this name with its head cut off, in evaluation mode, its parameters as yet untrained.

    Raises:
        BackboneError: torchvision has no classification network of this name.
    """
    import torch
    import torchvision

    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        close = difflib.get_close_matches(name, known, 3)
        hint = f"Did you mean {' or '.join(close)}?" if close else f"Some that it has: {', '.join(known[::8])}."
        raise BackboneError(f"torchvision has no classification network '{name}' (backbone.network). {hint}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of googlenet and inception_v3, about how they are initialised
        network: torch.nn.Module = torchvision.models.get_model(name, weights=None)
    network.set_submodule(head_of(network), torch.nn.Identity())
    return network.eval()


def head_of(network: "torch.nn.Module") -> str:
    """Return the name of the layer that gives the class scores: the last one with as many outputs as ImageNet has classes."""
    import torch

    heads: list[str] = [
        name
        for name, layer in network.named_modules()
        if (isinstance(layer, torch.nn.Linear) and layer.out_features == CLASSES)
        or (isinstance(layer, torch.nn.Conv2d) and layer.out_channels == CLASSES)
    ]
    return heads[-1]


def fill(network: "torch.nn.Module", tensors: "dict[str, torch.Tensor]", *, source: str) -> None:
    """Load weights into a network without its head; what the file holds for a head is left out.

    Raises:
        BackboneError: the weights belong to another network.
    """
    wanted = network.state_dict()
    lacking = [key for key in wanted if key not in tensors and not key.endswith("num_batches_tracked")]
    other = [key for key in wanted if key in tensors and tensors[key].shape != wanted[key].shape]
    if lacking or other:
        mistakes = [f"{len(lacking)} of {len(wanted)} tensors are missing ({lacking[0]} …)"] if lacking else []
        mistakes += [f"{len(other)} have another shape ({other[0]} …)"] if other else []
        raise BackboneError(
            f"The weights in {source} don't fit the network: {' and '.join(mistakes)}. "
            "Set backbone.network to the network that they were trained for; names are torchvision's."
        )
    network.load_state_dict({key: tensors.get(key, value) for key, value in wanted.items()})
