"""A backbone's network as torch trains it, and back into the store as a backbone of its own."""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from perennial.backbones.description import MARKER, BackboneDescription
from perennial.backbones.export import PREFIX, normalised, publish, weights_key
from perennial.backbones.weights import RANDOM_RECIPE
from perennial.catalog.objects import Objects
from perennial.errors import BackboneError
from perennial.task import BackboneSpec

if TYPE_CHECKING:
    import torch


def description_of(objects: Objects, digest: str) -> BackboneDescription:
    """Return what the store says of a backbone, without its graph.

    Raises:
        ObjectMissing: the store has no such backbone.
    """
    return BackboneDescription.model_validate_json(objects.get(f"{PREFIX}/{digest}/{MARKER}"))


def restore(objects: Objects, digest: str) -> "torch.nn.Module":
    """Return a backbone of the store with its weights: from uint8 [n, crop, crop, 3] to features [n, d].

    Its part ``network`` is the network, under torchvision's names.

    Raises:
        ObjectMissing: the store has no such backbone, or not its weights.
        BackboneError: it was seeded by a recipe that this version doesn't know.
    """
    from safetensors.torch import load

    from perennial.backbones import networks, seeded

    description = description_of(objects, digest)
    network = networks.create(description.network)
    pipeline = normalised(network)
    seed = re.fullmatch(r"random:(\d+) recipe (\d+)", description.weights)
    if seed is None:
        key = weights_key(description.weights)
        networks.fill(network, load(objects.get(key)), source=key)
    elif int(seed[2]) == RANDOM_RECIPE:
        seeded.seed(network, pipeline, int(seed[1]), description.preprocessing.crop)
    else:
        raise BackboneError(
            f"The backbone {digest[:12]} was seeded by recipe {seed[2]}; this version of Perennial knows {RANDOM_RECIPE} alone. "
            "Remove it from the store, and the next run exports it anew."
        )
    return pipeline


def export_tuned(objects: Objects, spec: BackboneSpec, tensors: "Mapping[str, torch.Tensor]") -> str:
    """Export the network of a task with other weights, which the store keeps, and return the new backbone's digest.

    Raises:
        BackboneError: the weights don't fit the network, or their features are no finite numbers.
    """
    from safetensors.torch import save_file

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tuned.safetensors"
        save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, path)
        return publish(spec.model_copy(update={"weights": str(path)}), objects)
