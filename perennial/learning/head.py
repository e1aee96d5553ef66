"""The head of a model: what serving needs, read with numpy alone."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perennial.errors import ModelError
from perennial.learning.folder import HEAD, read_arrays, read_description
from perennial.learning.readout import Readout


@dataclass(frozen=True)
class Head:
    """A read-out with calibrated probabilities over named classes.

    ``threshold`` is the distance beyond which an image is unlike anything learnt; None: none is ever said to be.
    """

    classes: tuple[str, ...]
    backbone: str
    readout: Readout
    temperature: float
    threshold: float | None

    @classmethod
    def load(cls, folder: Path) -> "Head":
        """Read ``model.json`` and ``head.safetensors`` of a model's or a release's folder.

        Raises:
            ModelError: a file is missing or not the one that ``model.json`` names.
        """
        description = read_description(folder)
        arrays = read_arrays(folder, HEAD, description.files[HEAD])
        readout = Readout(arrays["weight"], arrays["bias"], arrays["centre"], arrays["whitener"])
        return cls(description.classes, description.backbone, readout, description.temperature, description.unfamiliar)

    @property
    def dims(self) -> int:
        """Length of the vectors that this head takes."""
        return int(self.readout.weight.shape[1])

    def probabilities(self, vectors: NDArray[np.int16]) -> NDArray[np.float64]:
        """Return calibrated probabilities, [n, c]; 0 for a class of which nothing was learnt.

        Raises:
            ModelError: the vectors are another backbone's.
        """
        if vectors.ndim != 2 or vectors.shape[1] != self.dims:
            raise ModelError(
                f"This head takes vectors of {self.dims} dimensions, got an array of the shape {vectors.shape}. "
                f"Embed the images with the backbone {self.backbone[:12]}."
            )
        return softmax(self.readout.logits(vectors) / self.temperature)

    def predict(self, vectors: NDArray[np.int16]) -> NDArray[np.int64]:
        """Return the position of the likeliest class, [n]."""
        return np.asarray(self.readout.logits(vectors).argmax(axis=1), np.int64)

    def unfamiliar(self, vectors: NDArray[np.int16]) -> NDArray[np.bool_]:
        """Return which images are farther from every class mean than 99 % of the calibration images, [n]."""
        if self.threshold is None:
            return np.zeros(len(vectors), np.bool_)
        return self.readout.distances(vectors) > self.threshold


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return probabilities along the last axis."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: NDArray[np.float64] = shifted / shifted.sum(axis=1, keepdims=True)
    return result
