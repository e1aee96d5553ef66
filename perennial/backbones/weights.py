"""Where a network's weights come from: torchvision's pretrained file, a file of one's own, or a seed."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from perennial.backbones.download import download
from perennial.errors import BackboneError, WeightsMissing

if TYPE_CHECKING:
    import torch

AUTO = "auto"
RANDOM_RECIPE = 1
"""Raised whenever the same seed would give other weights."""


@dataclass(frozen=True)
class Weights:
    """Tensors under torchvision's names, and the sha256 of the file that they came from."""

    sha256: str
    tensors: "dict[str, torch.Tensor]"


def seed_of(weights: str) -> int | None:
    """Return the seed of ``random:SEED``, or None for other weights.

    Raises:
        BackboneError: the seed isn't a whole number.
    """
    if not weights.startswith("random:"):
        return None
    if not re.fullmatch(r"random:\d{1,9}", weights):
        raise BackboneError(f"backbone.weights is '{weights}'; a seeded random network is written random:SEED, such as random:0.")
    return int(weights.removeprefix("random:"))


def identity(weights: str) -> str | None:
    """Return what tells these weights from others, without torch; None for a file that isn't there.

    Raises:
        BackboneError: ``weights`` is none of auto, random:SEED, a .safetensors or a .pth file.
    """
    if weights == AUTO:
        return AUTO
    if seed_of(weights) is not None:
        return f"{weights} recipe {RANDOM_RECIPE}"
    path = _path(weights)
    return _sha256(path) if path.is_file() else None


def read(network: str, weights: str) -> Weights:
    """Read pretrained weights: torchvision's own for ``auto``, otherwise those of the file.

    Raises:
        WeightsMissing: they aren't on this machine and can't be had.
        BackboneError: the file is damaged or of an unknown kind.
    """
    path = _pretrained(network) if weights == AUTO else _path(weights)
    if not path.is_file():
        raise WeightsMissing(
            f"There is no weights file {path} (backbone.weights). Put the file there, correct the path, "
            "or write auto for torchvision's pretrained weights."
        )
    tensors = _read_safetensors(path) if path.suffix == ".safetensors" else read_pth(path)
    return Weights(_sha256(path), tensors)


def read_pth(path: Path) -> "dict[str, torch.Tensor]":
    """Read a .pth file of tensors; nothing in it is run, and a hash in its name (``resnet50-11ad3fa6.pth``) must be true.

    Raises:
        BackboneError: the hash is another, the file is damaged, or holds more than tensors.
    """
    import pickle

    import torch

    said = re.search(r"-([0-9a-f]{8,64})\.pth$", path.name)
    if said and not _sha256(path).startswith(said[1]):
        raise BackboneError(f"{path} isn't the file that its name says: its sha256 is {_sha256(path)[:16]}…. Fetch it anew.")
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError, TypeError) as error:
        first = " ".join(str(error).split(".")[0].split())[:160]
        raise BackboneError(
            f"{path} can't be read as weights ({first}). It is damaged or holds more than tensors; "
            "fetch it anew, or save its state dict as .safetensors."
        ) from None
    for key in ("model", "state_dict"):
        found = found.get(key, found) if isinstance(found, dict) else found
    if not isinstance(found, dict) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise BackboneError(
            f"{path} holds no state dict (name → tensor). Save network.state_dict() as .safetensors and name that file."
        )
    return found


def _read_safetensors(path: Path) -> "dict[str, torch.Tensor]":
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise BackboneError(
            f"{path} can't be read as safetensors ({' '.join(str(error).split())}). Fetch or save it anew."
        ) from None


def _pretrained(network: str) -> Path:
    """Return torchvision's default weights in torch hub's cache, fetched if they aren't there yet."""
    import torch
    import torchvision

    url = str(torchvision.models.get_model_weights(network).DEFAULT.url)
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if not path.is_file():
        download(url, path, what=f"The pretrained weights of {network}")
    return path


def _path(weights: str) -> Path:
    path = Path(weights).expanduser()
    if path.suffix not in (".safetensors", ".pth"):
        raise BackboneError(
            f"backbone.weights is '{weights}'; it can be auto (pretrained), random:SEED, "
            "or the path of a .safetensors or .pth file."
        )
    return path


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BackboneError(f"The weights file {path} can't be read: {error.strerror}.") from None
