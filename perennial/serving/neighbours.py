"""The training images nearest to a picture, out of the bounded set that a release carries."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file

from perennial.errors import ModelError
from perennial.learning.head import Head
from perennial.learning.readout import Readout, whiten

FOLDER = "neighbours"


class TrainingImage(BaseModel):
    """An image that the model learnt: where it comes from and whose it is, without its pixels."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    image: str
    cls: str
    post: str
    url: str
    title: str
    credit: str
    licence: str


@dataclass(frozen=True)
class Neighbours:
    """Training images with their vectors, int16 [n, d], and the read-out in whose space they are compared."""

    images: tuple[TrainingImage, ...]
    vectors: NDArray[np.int16]
    readout: Readout

    @classmethod
    def load(cls, folder: Path, task: str, head: Head) -> "Neighbours | None":
        """Read a task's neighbours from a release's folder; None where it was made without.

        Raises:
            ModelError: the files don't fit one another or the head.
        """
        table, arrays = paths(folder, task)
        if not table.is_file():
            return None
        try:
            images = tuple(_IMAGES.validate_json(table.read_bytes()))
            vectors = load_file(arrays)["vectors"]
        except (OSError, ValidationError, SafetensorError, KeyError) as error:
            raise _damaged(arrays, str(error).splitlines()[0]) from None
        if vectors.dtype != np.int16 or vectors.shape != (len(images), head.dims):
            raise _damaged(arrays, f"{len(images)} images came with vectors {vectors.dtype} {list(vectors.shape)}")
        return cls(images, vectors, head.readout)

    def nearest(self, vector: NDArray[np.int16], count: int) -> list[dict[str, Any]]:
        """Return the ``count`` nearest images to a vector, int16 [d], the nearest first.

        ``similarity`` is the cosine of the angle between the two vectors, seen from the mean of what was learnt and in the
        coordinates in which the head measures distances; 0 where they point apart. 1 is the same vector. In hundreds of
        dimensions, most images are at right angles to each other, so that 0.1 is near and 0.3 is very near.
        """
        towards = _directions(vector[None], self.readout)[0]
        similarity = np.clip(self._all @ towards, 0.0, 1.0)
        order = np.argsort(-similarity, kind="stable")[:count]
        return [_entry(self.images[i], float(similarity[i])) for i in order]

    @functools.cached_property
    def _all(self) -> NDArray[np.float32]:
        """Every image's direction, float32 [n, d], computed when it is first asked for: most servers never are."""
        return _directions(self.vectors, self.readout)


def paths(folder: Path, task: str) -> tuple[Path, Path]:
    """Return where a task's neighbours lie in a release's folder: what they are, and their vectors."""
    return folder / FOLDER / f"{task}.json", folder / FOLDER / f"{task}.safetensors"


def _directions(vectors: NDArray[np.int16], readout: Readout) -> NDArray[np.float32]:
    """Return vectors of length 1 in whitened coordinates, [n, d]; zero for one that lies on the centre."""
    inside: NDArray[np.float32] = whiten((vectors - readout.centre).astype(np.float32), readout.whitener)
    lengths = np.linalg.norm(inside, axis=1, keepdims=True)
    directions: NDArray[np.float32] = np.divide(inside, lengths, out=np.zeros_like(inside), where=lengths > 0)
    return directions


def _entry(image: TrainingImage, similarity: float) -> dict[str, Any]:
    about = image.model_dump()
    return {"image": about.pop("image"), "class": about.pop("cls"), "similarity": round(similarity, 4), **about}


def _damaged(path: Path, seen: str) -> ModelError:
    return ModelError(f"{path} is damaged: {seen}. Delete that release's folder in the store and deploy again.")


_IMAGES = TypeAdapter(list[TrainingImage])
