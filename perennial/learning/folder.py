"""The files of a model folder: ``model.json`` names the others by their sha256, its own digest names the folder."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load, save

from perennial.catalog.digests import canonical, digest_of, digest_of_bytes
from perennial.errors import ModelError
from perennial.task import LearnerSpec

DESCRIPTION, HEAD, STATE, CALIBRATION, LEDGER = (
    "model.json",
    "head.safetensors",
    "state.safetensors",
    "calibration.safetensors",
    "ledger.json",
)
Arrays = dict[str, NDArray[Any]]


class Description(BaseModel):
    """What ``model.json`` says of a model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = 1
    task: str
    classes: tuple[str, ...]
    known: tuple[str, ...]
    backbone: str
    learner: LearnerSpec
    parent: str | None
    images: int
    half_life: float | None
    temperature: float
    unfamiliar: float | None
    files: dict[str, str]

    @property
    def digest(self) -> str:
        """The name of the model folder; covers every file of it."""
        return digest_of(self.model_dump(mode="json"))


def read_description(folder: Path) -> Description:
    """Read ``model.json``.

    Raises:
        ModelError: it is missing or damaged.
    """
    path = folder / DESCRIPTION
    try:
        return Description.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise ModelError(f"There is no model in {folder}: {DESCRIPTION} is missing. {_NEXT}") from None
    except ValidationError as error:
        raise ModelError(f"{path} is damaged ({error.error_count()} of its fields can't be read). {_NEXT}") from None


def read_arrays(folder: Path, name: str, digest: str) -> Arrays:
    """Read a safetensors file that must have this sha256.

    Raises:
        ModelError: it is missing or damaged.
    """
    data = read_bytes(folder, name, digest)
    try:
        return dict(load(data))
    except SafetensorError as error:
        raise ModelError(f"{folder / name} can't be read as safetensors: {error}. {_NEXT}") from None


def read_bytes(folder: Path, name: str, digest: str) -> bytes:
    """Read a file that must have this sha256.

    Raises:
        ModelError: it is missing or damaged.
    """
    path = folder / name
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"{path} is missing. {_NEXT}") from None
    found = digest_of_bytes(data)
    if found != digest:
        raise ModelError(f"{path} is damaged: its sha256 is {found[:12]}…, {DESCRIPTION} names {digest[:12]}…. {_NEXT}")
    return data


def write_arrays(folder: Path, name: str, arrays: Arrays) -> str:
    """Write a safetensors file and return its sha256."""
    return write_bytes(folder, name, save({key: np.ascontiguousarray(array) for key, array in sorted(arrays.items())}))


def write_json(folder: Path, name: str, document: object) -> str:
    """Write a document in its canonical spelling and return its sha256."""
    return write_bytes(folder, name, canonical(document))


def write_bytes(folder: Path, name: str, data: bytes) -> str:
    """Write a file and return its sha256."""
    (folder / name).write_bytes(data)
    return digest_of_bytes(data)


_NEXT = "Restore the folder from a copy, or go back to another version with 'perennial rollback'."
